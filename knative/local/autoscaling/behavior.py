"""How fast a number of pods may change: `behavior` of a HorizontalPodAutoscaler. Pure.

Source: Kubernetes, "Configurable scaling behavior", and pkg/controller/podautoscaler/horizontal.go (v1.34).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

MAX_WINDOW_SECONDS = 3600
DEFAULT_DOWN_WINDOW_SECONDS = 300
DOUBLE = {"type": "Percent", "value": 100, "periodSeconds": 15}


@dataclass(frozen=True, slots=True)
class Direction:
    window_seconds: float
    policies: tuple[tuple[str, int, float], ...]
    """(Pods or Percent, value, seconds)."""
    select: str

    @classmethod
    def of(cls, rules: Mapping[str, Any], window_seconds: float, policies: Sequence[Mapping[str, Any]]) -> Self:
        found = rules.get("policies") or policies
        return cls(
            window_seconds=float(rules.get("stabilizationWindowSeconds", window_seconds)),
            policies=tuple((each["type"], int(each["value"]), float(each["periodSeconds"])) for each in found),
            select=rules.get("selectPolicy", "Max"),
        )


@dataclass(frozen=True, slots=True)
class Behavior:
    up: Direction
    down: Direction

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Self:
        """`spec`: of the HorizontalPodAutoscaler, with the defaults of Kubernetes."""
        rules = spec.get("behavior") or {}
        up = Direction.of(rules.get("scaleUp") or {}, 0, ({"type": "Pods", "value": 4, "periodSeconds": 15}, DOUBLE))
        return cls(up, Direction.of(rules.get("scaleDown") or {}, DEFAULT_DOWN_WINDOW_SECONDS, (DOUBLE,)))


@dataclass(slots=True)
class History:
    """What was asked for and what was changed, for one autoscaler. Times in seconds of one clock.

    It begins with the number that runs, so a machine that has just started does not end pods before the window is over.
    """

    recommendations: list[tuple[float, int]] = field(default_factory=list)
    changes: list[tuple[float, int]] = field(default_factory=list)
    """(time, pods that were added; negative: ended)."""

    def next_count(self, current: int, desired: int, behavior: Behavior, low: int, high: int, now: float) -> int:
        """Return the number of pods of now, and remember it."""
        if not self.recommendations:
            self.recommendations.append((now, current))
        steady = self._stabilize(current, desired, behavior, now)
        count = min(max(self._limit(current, steady, behavior, now), low), high)
        if count != current:
            self.changes.append((now, count - current))
        self._forget(now)
        return count

    def _stabilize(self, current: int, desired: int, behavior: Behavior, now: float) -> int:
        up = min([desired, *self._since(now - behavior.up.window_seconds)])
        down = max([desired, *self._since(now - behavior.down.window_seconds)])
        self.recommendations.append((now, desired))
        return min(max(current, up), down)

    def _since(self, start: float) -> Iterable[int]:
        return [count for at, count in self.recommendations if at > start]

    def _limit(self, current: int, desired: int, behavior: Behavior, now: float) -> int:
        if desired == current:
            return current
        direction, is_up = (behavior.up, True) if desired > current else (behavior.down, False)
        if direction.select == "Disabled":
            return current
        limits = [self._policy_limit(current, each, is_up=is_up, now=now) for each in direction.policies]
        is_generous = direction.select == "Max"
        limit = (max if is_generous is is_up else min)(limits)
        return min(desired, max(limit, current)) if is_up else max(desired, min(limit, current))

    def _policy_limit(self, current: int, policy: tuple[str, int, float], *, is_up: bool, now: float) -> int:
        kind, value, seconds = policy
        at_start = current - sum(change for at, change in self.changes if at > now - seconds)
        step = value if kind == "Pods" else at_start * value / 100
        return math.ceil(at_start + step) if is_up else math.ceil(at_start - step)

    def _forget(self, now: float) -> None:
        start = now - MAX_WINDOW_SECONDS
        self.recommendations = [each for each in self.recommendations if each[0] > start]
        self.changes = [each for each in self.changes if each[0] > start]
