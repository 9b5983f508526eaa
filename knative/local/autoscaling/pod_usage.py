"""What pods use now: CPU as the mean since the last look, memory as it is. Like metrics-server for Kubernetes."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from knative.local.objects import Object
from knative.local.serving.pods.usage import Usage

MIN_WINDOW_SECONDS = 5.0
"""Looks that are closer share a measurement: several autoscalers decide at the same time."""
MAX_WINDOW_SECONDS = 60.0
"""An older measurement says nothing about now."""


@dataclass(frozen=True, slots=True)
class PodMeasurement:
    cpu_cores: float | None
    """None: measured for the first time."""
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    usage: Usage


class PodUsage:
    """`used` returns the usage of each running pod. `now` in seconds, monotonic."""

    def __init__(self, used: Callable[[], Iterable[tuple[Object, Usage]]], now: Callable[[], float] = time.monotonic) -> None:
        self._used, self._now = used, now
        self._samples: dict[str, _Sample] = {}
        self._measured: dict[str, PodMeasurement] = {}
        self._measured_at: float | None = None

    def measure(self) -> dict[str, PodMeasurement]:
        """Return uid of a pod → what it uses. A pod that has just started is not in it, or without CPU."""
        now = self._now()
        if self._measured_at is not None and now - self._measured_at < MIN_WINDOW_SECONDS:
            return self._measured
        samples = {object["metadata"]["uid"]: _Sample(now, usage) for object, usage in self._used()}
        self._measured = {uid: PodMeasurement(_cores(self._samples.get(uid), each), each.usage.memory_bytes) for uid, each in samples.items()}
        self._samples, self._measured_at = samples, now
        return self._measured


def _cores(before: _Sample | None, after: _Sample) -> float | None:
    if before is None or before.usage.run != after.usage.run or after.at - before.at > MAX_WINDOW_SECONDS:
        return None
    return max(after.usage.cpu_ms - before.usage.cpu_ms, 0.0) / 1000 / (after.at - before.at)
