"""What autoscaling did to the instances of a process type, reported once for changes that follow each other closely.

A change is reported `SETTLE` after it was observed, with the number of then: from zero, an autoscaler needs one look at the metrics to find the
number, and only with it their values are known. What Capsule changes itself (a stop, a start, a fixed number) is no scaling.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from events.workloads import ProcessScaled, ProcessScalingObserved
from functions.deploy.domain.autoscaling import Metric, MetricType
from functions.deploy.domain.autoscaling_readings import AutoscalerReading
from functions.deploy.domain.manifests import APPLICATION, AUTOSCALED, ENVIRONMENT, PROCESS
from functions.kernel import Events, after

FIELD_MANAGER = "capsule"
REPLICAS_MANAGER = "capsule-autoscaling"
OWN_MANAGERS = frozenset({FIELD_MANAGER, REPLICAS_MANAGER})
"""Field managers as which Capsule sets replicas. Any other one is an autoscaler's."""
SETTLE = timedelta(seconds=20)
"""Longer than the period of autoscalers (15 s)."""
LOST = timedelta(minutes=5)
"""After this time a report has been lost, and the next change requests another."""


@dataclass(frozen=True, slots=True)
class ScalingReading:
    """A Deployment that an autoscaler decides about, as the cluster has it."""

    application_id: UUID
    environment: str
    process: str
    instances: int
    is_automatic: bool
    """Whether an autoscaler has set the number; False: Capsule has."""
    autoscaler: AutoscalerReading | None


@dataclass(frozen=True, slots=True)
class ScalingCause:
    metric: str
    value: float
    """Of a queue what waits in all, else the mean percent of the instances."""
    target: int
    """Of one instance."""


@dataclass(slots=True)
class ProcessScaling:
    application_id: UUID
    environment: str
    process: str
    instances: int
    """That were reported last."""
    former_instances: int | None = None
    scaled_at: datetime | None = None
    observed_at: datetime | None = None
    """Since when a change waits to be reported."""
    metric: str | None = None
    value: float | None = None
    target: int | None = None

    def observe(self, reading: ScalingReading, cause: ScalingCause | None, now: datetime) -> Events:
        """Take note of a change. Returns the request to report it later, if there is none yet. Idempotent."""
        if not reading.is_automatic:
            self.instances, self.observed_at = reading.instances, None
            return ()
        if reading.instances == self.instances and self.observed_at is None:
            return ()
        is_new = self.observed_at is None or now - self.observed_at > LOST
        if is_new:
            self.observed_at = now
            self._remember(cause)
            event = ProcessScalingObserved(application_id=self.application_id, environment=self.environment, process=self.process, at=now)
            return (after(SETTLE, event),)
        if self.metric is None:
            self._remember(cause)
        return ()

    def report(self, reading: ScalingReading | None, cause: ScalingCause | None, names: dict[str, Any], now: datetime) -> Events:
        """Report the number of now. `reading`: None, nothing scales it any more. `names`: of the application, for the event."""
        if self.observed_at is None:
            return ()
        self.observed_at = None
        if reading is None or reading.instances == self.instances:
            return ()
        former, self.instances = self.instances, reading.instances
        if not reading.is_automatic:
            return ()
        if self.metric is None:
            self._remember(cause)
        self.former_instances, self.scaled_at = former, now
        cause_fields = {"metric": self.metric, "value": self.value, "target": self.target}
        counts = {"former_instances": former, "instances": self.instances}
        return (ProcessScaled(**names, environment=self.environment, process=self.process, **counts, **cause_fields, at=now),)

    def _remember(self, cause: ScalingCause | None) -> None:
        self.metric, self.value, self.target = (cause.metric, cause.value, cause.target) if cause else (None, None, None)


def read_scaling(deployment: Mapping[str, Any], autoscalers: Iterable[AutoscalerReading]) -> ScalingReading | None:
    """Read a Deployment, with the autoscalers of its environment. None: no autoscaler decides about it."""
    labels = deployment["metadata"].get("labels") or {}
    if labels.get(AUTOSCALED) != "true":
        return None
    owners = {each["manager"] for each in deployment["metadata"].get("managedFields") or () if _has_replicas(each)}
    return ScalingReading(
        application_id=UUID(labels[APPLICATION]),
        environment=labels[ENVIRONMENT],
        process=labels[PROCESS],
        instances=deployment["spec"].get("replicas", 1),
        is_automatic=bool(owners - OWN_MANAGERS),
        autoscaler=next((each for each in autoscalers if each.process == labels[PROCESS]), None),
    )


def _has_replicas(entry: Mapping[str, Any]) -> bool:
    return "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})


def find_cause(reading: AutoscalerReading | None, metrics: Sequence[Metric], *, memory_mib: int, cpu_millis: int) -> ScalingCause | None:
    """Return the metric that decides: that with the largest share of its target. None: none is measured."""
    found: list[tuple[float, ScalingCause]] = []
    for index, metric in enumerate(metrics if reading is not None else ()):
        assert reading is not None
        mean = reading.current_of(index, metric, memory_mib=memory_mib, cpu_millis=cpu_millis)
        if mean is None:
            continue
        value = mean * reading.current if metric.type is MetricType.QUEUE else mean
        found.append((mean / metric.target, ScalingCause(metric.type, round(value, 1), metric.target)))
    return max(found, key=lambda each: each[0])[1] if found else None
