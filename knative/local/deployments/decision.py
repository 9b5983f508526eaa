"""Decide which pods of a Deployment start and end, from its spec, its pods and the time. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

DEFAULT_SHARE = "25%"
"""Of maxSurge and maxUnavailable."""
ENDING_PAUSE_SECONDS = 0.5
"""Between two looks at pods that end: no change tells of one whose object was deleted first."""


@dataclass(frozen=True, slots=True)
class PodFact:
    """One pod that is not ending. `ready_at`: since when it is ready, in seconds of the same clock as `now`; None: it is not."""

    name: str
    is_current: bool
    """Whether it is of the present template."""
    ready_at: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    start: int = 0
    stop: tuple[str, ...] = ()
    """Names of pods."""
    wait_seconds: float | None = None
    """When to decide again, though nothing has changed."""


def decide(spec: Mapping[str, Any], pods: Sequence[PodFact], ending: int, now: float) -> Plan:
    """Return the next step. `ending`: pods of other templates that have been asked to end and still run.

    Source: Kubernetes, "Deployments: Strategy", and reconcileNewReplicaSet and reconcileOldReplicaSets of its controller.
    """
    replicas, min_ready = int(spec.get("replicas", 1)), float(spec.get("minReadySeconds") or 0)
    current = [each for each in pods if each.is_current]
    old = [each for each in pods if not each.is_current]
    excess = _names(_least_useful(current)[: max(len(current) - replicas, 0)])
    if (spec.get("strategy") or {}).get("type") == "Recreate":
        if old:
            return Plan(stop=(*_names(old), *excess))
        return Plan(0, excess, ENDING_PAUSE_SECONDS) if ending else Plan(max(replicas - len(current), 0), excess)

    surge, unavailable = _limits(spec, replicas)
    start = max(min(replicas - len(current), replicas + surge - len(pods)), 0)
    available = [each for each in pods if _is_available(each, min_ready, now)]
    broken_old = [each for each in old if each not in available]
    room = max(len(pods) + start - (replicas - unavailable) - (len(current) + start - sum(each.is_current for each in available)), 0)
    stopped = broken_old[:room]
    removable = max(min(room - len(stopped), len(available) - (replicas - unavailable)), 0)
    stopped += [each for each in old if each in available][:removable]
    waits = [each.ready_at + min_ready - now for each in current if each.ready_at is not None and each not in available]
    return Plan(start, (*_names(stopped), *excess), min(waits, default=None))


def count_available(spec: Mapping[str, Any], pods: Sequence[PodFact], now: float) -> int:
    return sum(_is_available(each, float(spec.get("minReadySeconds") or 0), now) for each in pods)


def _limits(spec: Mapping[str, Any], replicas: int) -> tuple[int, int]:
    """Return maxSurge and maxUnavailable in pods. Both 0 would never end: one may then be unavailable."""
    rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", DEFAULT_SHARE), replicas, is_up=True)
    unavailable = _share(rolling.get("maxUnavailable", DEFAULT_SHARE), replicas, is_up=False)
    return surge, unavailable if surge or unavailable else 1


def _share(value: Any, replicas: int, *, is_up: bool) -> int:
    if isinstance(value, str) and value.endswith("%"):
        return (ceil if is_up else floor)(replicas * int(value[:-1]) / 100)
    return int(value)


def _is_available(pod: PodFact, min_ready_seconds: float, now: float) -> bool:
    return pod.ready_at is not None and now >= pod.ready_at + min_ready_seconds


def _least_useful(pods: Sequence[PodFact]) -> list[PodFact]:
    """Pods that are not ready first, then the newest."""
    return sorted(pods, key=lambda each: -(float("inf") if each.ready_at is None else each.ready_at))


def _names(pods: Sequence[PodFact]) -> tuple[str, ...]:
    return tuple(each.name for each in pods)
