"""How many instances of a process type follow what it has to do: a range, and metrics with the value that one instance is to have.

Kubernetes and KEDA carry it out (`autoscaling_manifests`). With several metrics the one that asks for most instances counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from functions.deploy.domain.queue_sources import POINTERS, QueueSource
from functions.deploy.domain.workload_rejections import InvalidAutoscaling
from functions.kernel import FieldError

MAX_INSTANCES = 20
MAX_METRICS = 5
PERCENT = range(1, 100 + 1)
QUEUE_TARGET = range(1, 1_000_000 + 1)


class MetricType(StrEnum):
    CPU = "cpu"
    """Percent of the CPU that an instance may use, as the mean of the instances."""
    MEMORY = "memory"
    """Percent of the memory that an instance may use, as the mean of the instances."""
    QUEUE = "queue"
    """What waits, for each instance."""


@dataclass(frozen=True, slots=True)
class Metric:
    """Use `parse`, which checks."""

    type: MetricType
    target: int
    queue: QueueSource | None = None
    """Where the length of a queue is read; None for the other types."""

    @classmethod
    def parse(cls, type: MetricType, target: int, **source: str | None) -> Self:
        """`source`: the fields of a QueueSource. Raises InvalidAutoscaling."""
        queue = QueueSource(**source)
        found = list(_errors(type, target, queue))
        if found:
            raise InvalidAutoscaling.of(found)
        return cls(type, target, queue.with_default_variable() if type is MetricType.QUEUE else None)

    def as_json(self) -> dict[str, Any]:
        return {"type": self.type, "target": self.target, **(self.queue.as_json() if self.queue else {})}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        source = {name: value for name, value in stored.items() if name not in ("type", "target")}
        type = MetricType(stored["type"])
        return cls(type, stored["target"], QueueSource(**source) if type is MetricType.QUEUE else None)


def _errors(type: MetricType, target: int, queue: QueueSource) -> "Sequence[FieldError]":
    if type is MetricType.QUEUE:
        return [*_bounds(type, target, QUEUE_TARGET, "what waits for each instance"), *queue.errors()]
    names = [POINTERS.get(name, name) for name in queue.as_json()]
    errors = [FieldError(f"/{name}", f"{name} belongs to the metric queue, not to {type}") for name in names]
    return [*errors, *_bounds(type, target, PERCENT, "percent of what an instance may use")]


def _bounds(type: MetricType, target: int, allowed: range, meaning: str) -> list[FieldError]:
    if target in allowed:
        return []
    return [FieldError("/target", f"{type}={target}: use {allowed.start}–{allowed.stop - 1} ({meaning})")]


@dataclass(frozen=True, slots=True)
class Autoscaling:
    """Raises InvalidAutoscaling."""

    min_instances: int
    max_instances: int
    metrics: tuple[Metric, ...]

    def __post_init__(self) -> None:
        low, high = self.min_instances, self.max_instances
        errors = []
        if not 1 <= high <= MAX_INSTANCES:
            errors.append(FieldError("/maxInstances", f"max instances {high}: use 1–{MAX_INSTANCES}"))
        if not 0 <= low <= high:
            errors.append(FieldError("/minInstances", f"min instances {low}: use 0–{high} (max instances)"))
        if not 1 <= len(self.metrics) <= MAX_METRICS:
            errors.append(FieldError("/metrics", f"{len(self.metrics)} metrics: give 1–{MAX_METRICS}"))
        types = [each.type for each in self.metrics]
        for repeated in sorted({each for each in types if each is not MetricType.QUEUE and types.count(each) > 1}):
            errors.append(FieldError("/metrics", f"{repeated} is there twice; give each of cpu and memory once"))
        if low == 0 and not self.has_queue and self.metrics:
            detail = "only a queue starts the first instance: nothing uses CPU or memory at zero. Use min 1, or add the metric queue"
            errors.append(FieldError("/minInstances", f"min instances 0: {detail}"))
        if errors:
            raise InvalidAutoscaling.of(errors)

    @property
    def has_queue(self) -> bool:
        return any(each.type is MetricType.QUEUE for each in self.metrics)

    def clamp(self, instances: int) -> int:
        return min(max(instances, self.min_instances), self.max_instances)

    def as_json(self) -> dict[str, Any]:
        return {"min_instances": self.min_instances, "max_instances": self.max_instances, "metrics": [each.as_json() for each in self.metrics]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(stored["min_instances"], stored["max_instances"], tuple(Metric.from_json(each) for each in stored["metrics"]))
