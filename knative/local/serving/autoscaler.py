"""How many pods a revision should have (pure).

Knative's rule: the mean number of requests in flight over the stable window (and over a short panic window in a burst)
divided by the target. Two things are faster than in Knative, because a pod starts in milliseconds: requests that wait
because every pod is full count at once, and idle pods are removed one by one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

PREFIX = "autoscaling.knative.dev/"
FORMER_NAMES = {
    "minScale": "min-scale", "maxScale": "max-scale", "initialScale": "initial-scale", "targetBurstCapacity": "target-burst-capacity",
    "targetUtilizationPercentage": "target-utilization-percentage", "panicWindowPercentage": "panic-window-percentage",
    "panicThresholdPercentage": "panic-threshold-percentage", "scaleDownDelay": "scale-down-delay",
    "scaleToZeroPodRetentionPeriod": "scale-to-zero-pod-retention-period",
}  # fmt: skip
"""Names of annotations that Knative still reads (serving, pkg/apis/autoscaling/register.go). The name of today counts if both are set."""
PANIC_WINDOW_FRACTION = 0.1
PANIC_THRESHOLD = 2.0
DEFAULT_UTILIZATION = 0.7
DEFAULT_TARGET = 100.0
DEFAULT_RPS_TARGET = 200.0


def parse_duration(text: str) -> float:
    """Return the seconds of a Go duration: 60s, 1m30s, 500ms, 0. Raises ValueError."""
    if text == "0":
        return 0.0
    total, number = 0.0, ""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
    position = 0
    while position < len(text):
        character = text[position]
        if character.isdigit() or character == ".":
            number += character
            position += 1
            continue
        unit = text[position : position + 2] if text[position : position + 2] in units else character
        if unit not in units or not number:
            raise ValueError(f"{text!r} is not a duration such as 1m30s")
        total, number = total + float(number) * units[unit], ""
        position += len(unit)
    if number:
        raise ValueError(f"{text!r} is not a duration such as 1m30s: a unit is missing")
    return total


class Metric(StrEnum):
    """What is compared with the target."""

    CONCURRENCY = "concurrency"
    RPS = "rps"
    CPU = "cpu"
    """In percent of what a pod requests; class hpa."""
    MEMORY = "memory"
    """In MiB; class hpa."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A revision's scale settings: its annotations over the defaults of ConfigMap config-autoscaler."""

    min_pods: int = 0
    max_pods: int = 0
    """0: no limit."""
    initial_pods: int = 1
    target: float = DEFAULT_TARGET * DEFAULT_UTILIZATION
    """What the autoscaler aims at for each pod, in the unit of the metric."""
    max_concurrency: int = 0
    """containerConcurrency: requests that a pod may handle at once. 0: no limit."""
    window_seconds: float = 60.0
    retention_seconds: float = 0.0
    metric: Metric = Metric.CONCURRENCY
    down_delay_seconds: float = 0.0
    """So long fewer pods must be enough before one ends."""
    has_own_window: bool = False
    """Whether the revision names a window. With class hpa it replaces the stabilization windows."""

    @classmethod
    def of(cls, annotations: Mapping[str, str], concurrency: int, defaults: Mapping[str, str]) -> Self:
        """`concurrency`: the revision's containerConcurrency. `defaults`: config-autoscaler. Raises ValueError."""
        former = {PREFIX + name: annotations[PREFIX + old] for old, name in FORMER_NAMES.items() if PREFIX + old in annotations}
        annotations = {**former, **annotations}

        def setting(name: str, default: str) -> str:
            return annotations.get(PREFIX + name, defaults.get(name, default))

        utilization = float(annotations.get(PREFIX + "target-utilization-percentage", float(
            defaults.get("container-concurrency-target-percentage", DEFAULT_UTILIZATION * 100)))) / 100  # fmt: skip
        annotation = annotations.get(PREFIX + "target")
        metric = Metric(annotations.get(PREFIX + "metric", Metric.CONCURRENCY))
        if annotation:
            target = float(annotation)
        elif metric is Metric.RPS:
            target = float(defaults.get("requests-per-second-target-default", DEFAULT_RPS_TARGET))
        else:
            target = float(concurrency or defaults.get("container-concurrency-target-default", DEFAULT_TARGET))
        if concurrency and metric is Metric.CONCURRENCY:
            target = min(target, concurrency)
        if metric in (Metric.CPU, Metric.MEMORY):
            utilization = 1.0
        return cls(
            min_pods=int(setting("min-scale", "0")),
            max_pods=int(setting("max-scale", "0")),
            initial_pods=int(setting("initial-scale", "1")),
            target=max(target * utilization, 0.01),
            max_concurrency=concurrency,
            metric=metric,
            window_seconds=parse_duration(annotations.get(PREFIX + "window", defaults.get("stable-window", "60s"))),
            down_delay_seconds=parse_duration(setting("scale-down-delay", "0s")),
            has_own_window=PREFIX + "window" in annotations,
            retention_seconds=parse_duration(setting("scale-to-zero-pod-retention-period", "0s")),
        )


@dataclass(frozen=True, slots=True)
class Load:
    """An observation of a revision."""

    pods: int
    stable: float
    """Mean requests in flight over the stable window; with the metric rps, requests per second."""
    panic: float
    """The same over the panic window."""
    in_flight: int
    waiting: int
    """Requests without a pod."""
    idle_seconds: float
    """Since the last request ended."""


def desired_pods(scale: Scale, load: Load) -> int:
    count = math.ceil(round(load.stable / scale.target, 6))
    burst = math.ceil(round(load.panic / scale.target, 6))
    if burst >= PANIC_THRESHOLD * max(load.pods, 1):
        count = max(count, burst, load.pods)
    if load.waiting:
        capacity = scale.max_concurrency or (scale.target if scale.metric is Metric.CONCURRENCY else math.inf)
        count = max(count, math.ceil((load.in_flight + load.waiting) / capacity), 1)
    if load.in_flight or load.idle_seconds < scale.window_seconds + scale.retention_seconds:
        count = max(count, min(load.pods, 1))
    if 0 < count < load.pods:
        count = load.pods - 1
    count = max(count, scale.min_pods)
    return min(count, scale.max_pods) if scale.max_pods else count


class ConcurrencyMeter:
    """Requests in flight, averaged over windows of whole seconds. `now`: seconds on a monotonic clock."""

    def __init__(self, window_seconds: float, now: float) -> None:
        self._window_seconds = max(window_seconds, 1.0)
        self._areas: list[tuple[int, float]] = []
        """(second, requests in flight × seconds)."""
        self._created_at = self._since = self.last_ended_at = now
        self.in_flight = 0

    def change(self, by: int, now: float) -> None:
        """Count requests that began (positive) or ended (negative)."""
        self._advance(now)
        self.in_flight += by
        if by < 0:
            self.last_ended_at = now

    def add(self, busy_seconds: float, now: float, since: float | None = None) -> None:
        """Count the duration of messages that a pod consumed itself and has handled: evenly over the time from `since`, which the numbers of
        such a pod are about. All of it in the present second would look like a burst."""
        self._advance(now)
        since = now if since is None else max(since, now - self._window_seconds)
        for second in range(int(since), int(now) + 1):
            share = (min(second + 1.0, now) - max(float(second), since)) / (now - since) if now > since else 1.0
            self._add_area(second, busy_seconds * share)
        self.last_ended_at = now

    def _add_area(self, second: int, area: float) -> None:
        """`second`: any of the window."""
        for index in reversed(range(len(self._areas))):
            if self._areas[index][0] == second:
                self._areas[index] = (second, self._areas[index][1] + area)
                return
            if self._areas[index][0] < second:
                self._areas.insert(index + 1, (second, area))
                return
        self._areas.insert(0, (second, area))

    def mean(self, window_seconds: float, now: float) -> float:
        """The mean over the window, of one second at least. Of the second in which the window begins, its part counts."""
        self._advance(now)
        start = max(now - max(window_seconds, 1.0), self._created_at)
        within = sum(area * min(second + 1 - start, 1.0) for second, area in self._areas if second >= int(start))
        return within / max(now - start, 1.0)

    def idle_seconds(self, now: float) -> float:
        return 0.0 if self.in_flight else now - self.last_ended_at

    def _advance(self, now: float) -> None:
        while self._since < now:
            second = int(self._since)
            until = min(now, second + 1.0)
            area = self.in_flight * (until - self._since)
            if not self.in_flight:
                until = now
            else:
                self._add_area(second, area)
            self._since = until
        while self._areas and self._areas[0][0] < now - self._window_seconds - 1:
            del self._areas[0]
