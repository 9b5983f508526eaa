"""How many pods a revision should have (pure: numbers and times in, a number out).

Knative's own rule: the mean number of requests in flight over the stable window (and over a short panic window, when a burst comes) divided
by the target. Two things are quicker here than there, since a pod costs milliseconds: requests that wait because every pod is full count at
once, and idle pods go one by one.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

CLASS = "autoscaling.knative.dev/"
PANIC_SHARE = 0.1
PANIC_THRESHOLD = 2.0
UTILISATION = 0.7
DEFAULT_TARGET = 100.0


def seconds(text: str) -> float:
    """A Go duration: 60s, 1m30s, 500ms."""
    total, number = 0.0, ""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
    position = 0
    while position < len(text):
        character = text[position]
        if character.isdigit() or character == ".":
            number += character
            position += 1
            continue
        unit = text[position : position + 2] if text[position : position + 2] in units else character
        if unit not in units or not number:
            raise ValueError(f"{text!r} is no duration")
        total, number = total + float(number) * units[unit], ""
        position += len(unit)
    if number:
        raise ValueError(f"{text!r} is no duration: a unit is missing")
    return total


@dataclass(frozen=True, slots=True)
class Scale:
    """A revision's wishes: its annotations over the defaults of ConfigMap config-autoscaler."""

    minimum: int = 0
    maximum: int = 0
    """0: no limit"""
    initial: int = 1
    target: float = DEFAULT_TARGET * UTILISATION
    hard: int = 0
    """containerConcurrency: requests a pod may have at once, 0: no limit"""
    window: float = 60.0
    retention: float = 0.0

    @classmethod
    def of(cls, annotations: Mapping[str, str], concurrency: int, defaults: Mapping[str, str]) -> Self:
        def said(name: str, default: str) -> str:
            return annotations.get(CLASS + name, defaults.get(name, default))

        utilisation = float(annotations.get(CLASS + "target-utilization-percentage", float(
            defaults.get("container-concurrency-target-percentage", UTILISATION * 100)))) / 100  # fmt: skip
        target = annotations.get(CLASS + "target")
        wanted = float(target) if target else float(concurrency or defaults.get("container-concurrency-target-default", DEFAULT_TARGET))
        if concurrency:
            wanted = min(wanted, concurrency)
        window = annotations.get(CLASS + "window", defaults.get("stable-window", "60s"))
        return cls(
            minimum=int(said("min-scale", "0")),
            maximum=int(said("max-scale", "0")),
            initial=int(said("initial-scale", "1")),
            target=max(wanted * utilisation, 0.01),
            hard=concurrency,
            window=seconds(window),
            retention=seconds(said("scale-to-zero-pod-retention-period", "0s")),
        )


@dataclass(frozen=True, slots=True)
class Load:
    """What was seen of a revision."""

    pods: int
    stable: float
    """Mean requests in flight over the stable window."""
    panic: float
    in_flight: int
    waiting: int
    """Requests that no pod could take yet."""
    idle: float
    """Seconds since the last request ended."""


def desired(scale: Scale, load: Load) -> int:
    wanted = math.ceil(round(load.stable / scale.target, 6))
    burst = math.ceil(round(load.panic / scale.target, 6))
    if burst >= PANIC_THRESHOLD * max(load.pods, 1):
        wanted = max(wanted, burst, load.pods)
    if load.waiting:
        wanted = max(wanted, math.ceil((load.in_flight + load.waiting) / (scale.hard or scale.target)), 1)
    if load.in_flight or load.idle < scale.window + scale.retention:
        wanted = max(wanted, min(load.pods, 1))
    if wanted < load.pods and wanted > 0:
        wanted = load.pods - 1
    wanted = max(wanted, scale.minimum)
    return min(wanted, scale.maximum) if scale.maximum else wanted


class Meter:
    """Requests in flight, averaged over windows of whole seconds."""

    def __init__(self, window: float, now: float) -> None:
        self._window = max(window, 1.0)
        self._areas: deque[tuple[int, float]] = deque()
        self._born = self._since = self.ended = now
        self.in_flight = 0

    def change(self, by: int, now: float) -> None:
        self._advance(now)
        self.in_flight += by
        if by < 0:
            self.ended = now

    def add(self, busy: float, now: float) -> None:
        """Seconds that messages took which did not pass through here."""
        self._advance(now)
        second = int(now)
        if self._areas and self._areas[-1][0] == second:
            self._areas[-1] = (second, self._areas[-1][1] + busy)
        else:
            self._areas.append((second, busy))
        self.ended = now

    def mean(self, window: float, now: float) -> float:
        self._advance(now)
        start = max(now - window, self._born)
        covered = max(now - start, 1e-9)
        return sum(area for second, area in self._areas if second >= int(start)) / max(covered, 1.0)

    def idle(self, now: float) -> float:
        return 0.0 if self.in_flight else now - self.ended

    def _advance(self, now: float) -> None:
        while self._since < now:
            second = int(self._since)
            until = min(now, second + 1.0)
            area = self.in_flight * (until - self._since)
            if not self.in_flight:
                until = now
            elif self._areas and self._areas[-1][0] == second:
                self._areas[-1] = (second, self._areas[-1][1] + area)
            else:
                self._areas.append((second, area))
            self._since = until
        while self._areas and self._areas[0][0] < now - self._window - 1:
            self._areas.popleft()
