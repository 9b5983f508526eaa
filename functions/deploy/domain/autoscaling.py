"""How many instances of a process type follow what it has to do: a range, and metrics with the value that one instance is to have.

Kubernetes and KEDA carry it out (`autoscaling_manifests`). With several metrics the one that asks for most instances counts.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from functions.deploy.domain.workload_rejections import InvalidAutoscaling
from functions.kernel import FieldError

MAX_INSTANCES = 20
MAX_METRICS = 5
PERCENT = range(1, 100 + 1)
QUEUE_TARGET = range(1, 1_000_000 + 1)
MAX_QUERY_LENGTH = 2000
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
PATH = re.compile(r"/[!-~]{0,499}")
VALUE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,9}")
DATABASE_URL = "DATABASE_URL"


class MetricType(StrEnum):
    CPU = "cpu"
    """Percent of the CPU that an instance may use, as the mean of the instances."""
    MEMORY = "memory"
    """Percent of the memory that an instance may use, as the mean of the instances."""
    QUEUE = "queue"
    """What waits, for each instance."""


@dataclass(frozen=True, slots=True)
class Metric:
    """`query` or `path` says where the length of a queue is read. Use `parse`, which checks."""

    type: MetricType
    target: int
    query: str | None = None
    """SQL that returns one number."""
    variable: str | None = None
    """The variable with the URL of the database."""
    path: str | None = None
    """Of the application, which answers with JSON."""
    value: str | None = None
    """Where the number is in that JSON: names and indexes between dots."""

    @classmethod
    def parse(
        cls,
        type: MetricType,
        target: int,
        *,
        query: str | None = None,
        variable: str | None = None,
        path: str | None = None,
        value: str | None = None,
    ) -> Self:
        """Raises InvalidAutoscaling."""
        found = list(_errors(type, target, query, variable, path, value))
        if found:
            raise InvalidAutoscaling.of(found)
        if type is MetricType.QUEUE and query is not None:
            variable = variable or DATABASE_URL
        return cls(type, target, query, variable, path, value)


def _errors(type: MetricType, target: int, query: str | None, variable: str | None, path: str | None, value: str | None) -> "Sequence[FieldError]":
    sources = {"query": query, "variable": variable, "path": path, "value": value}
    if type is not MetricType.QUEUE:
        errors = [
            FieldError(f"/{name}", f"{name} belongs to the metric queue, not to {type}") for name, source in sources.items() if source is not None
        ]
        return [*errors, *_bounds(type, target, PERCENT, "percent of what an instance may use")]
    errors = _bounds(type, target, QUEUE_TARGET, "what waits for each instance")
    if (query is None) is (path is None):
        detail = "a queue is read with a SQL query, or from a path of the application"
        errors.append(FieldError("/query", f"{detail}: give one of query and path"))
    if query is not None and (not query.strip() or len(query) > MAX_QUERY_LENGTH or "\0" in query or ";" in query.rstrip().rstrip(";")):
        errors.append(FieldError("/query", f"one SQL statement that returns one number, of at most {MAX_QUERY_LENGTH} characters"))
    if variable is not None and (query is None or not VARIABLE.fullmatch(variable)):
        errors.append(FieldError("/variable", "the name of the variable with the database's URL, such as DATABASE_URL; only with query"))
    if path is not None and not PATH.fullmatch(path):
        errors.append(FieldError("/path", "a path of the application, such as /queue"))
    if path is not None and (value is None or not VALUE.fullmatch(value)):
        errors.append(FieldError("/value", "where the number is in the JSON answer, such as queues.default"))
    if path is None and value is not None:
        errors.append(FieldError("/value", "value belongs to path"))
    return errors


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
        metrics = [{name: value for name, value in asdict(each).items() if value is not None} for each in self.metrics]
        return {"min_instances": self.min_instances, "max_instances": self.max_instances, "metrics": metrics}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        metrics = tuple(Metric(**{**each, "type": MetricType(each["type"])}) for each in stored["metrics"])
        return cls(stored["min_instances"], stored["max_instances"], metrics)
