"""Autoscaling as clients state it and as the API shows it."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from functions.deploy.domain.autoscaling import MAX_METRICS, Autoscaling, Metric, MetricType
from functions.deploy.domain.autoscaling_readings import AutoscalerReading
from functions.deploy.domain.process_scaling import ProcessScaling
from functions.deploy.domain.queue_sources import QueueSource
from functions.deploy.domain.workload_rejections import InvalidAutoscaling
from functions.kernel import FieldError, Int32, Model, Text


class MetricRequest(Model):
    """`target`: the value that one instance is to have.

    `cpu` and `memory`: percent of what an instance may use. `queue`: what waits, read in one of these ways. `variable` is the
    name of the variable with the server's URL.

    - `query`: SQL that returns a number (DATABASE_URL)
    - `redisList`, or `redisStream` with an optional `consumerGroup`: of a bound data service (REDIS_URL)
    - `rabbitmqQueue` (AMQP_URL)
    - `path`: of the application, which answers with JSON that has the number at `value`
    """

    type: MetricType
    target: Int32
    query: Text | None = None
    variable: Text | None = None
    path: Text | None = None
    value: Text | None = None
    redis_list: Text | None = None
    redis_stream: Text | None = None
    consumer_group: Text | None = None
    rabbitmq_queue: Text | None = None


class AutoscalingRequest(Model):
    min_instances: Int32
    """0: without work in the queue nothing runs."""
    max_instances: Int32
    """All of them count against the quota."""
    metrics: Annotated[list[MetricRequest], Field(max_length=MAX_METRICS)]
    """The one that asks for most instances counts."""

    def to_autoscaling(self) -> Autoscaling:
        """Raises InvalidAutoscaling."""
        metrics, errors = [], []
        for index, each in enumerate(self.metrics):
            try:
                metrics.append(Metric.parse(each.type, each.target, **each.model_dump(exclude={"type", "target"})))
            except InvalidAutoscaling as invalid:
                errors += [FieldError(f"/metrics/{index}{error.pointer}", error.detail) for error in invalid.errors]
        if errors:
            raise InvalidAutoscaling.of(errors)
        return Autoscaling(self.min_instances, self.max_instances, tuple(metrics))


class MetricView(Model):
    """`current`: of one instance, as the mean, in the unit of `target`; null: not measured yet, or no instance runs."""

    type: MetricType
    target: int
    current: float | None
    query: str | None
    variable: str | None
    path: str | None
    value: str | None
    redis_list: str | None
    redis_stream: str | None
    consumer_group: str | None
    rabbitmq_queue: str | None


class ScalingView(Model):
    """The last change. `value`: of a queue what waits in all, else the mean percent of the instances; null: not known."""

    at: datetime
    former_instances: int
    instances: int
    metric: str | None
    value: float | None
    target: int | None

    @classmethod
    def of(cls, scaling: ProcessScaling | None) -> Self | None:
        if scaling is None or scaling.scaled_at is None or scaling.former_instances is None:
            return None
        cause = {"metric": scaling.metric, "value": scaling.value, "target": scaling.target}
        return cls(at=scaling.scaled_at, former_instances=scaling.former_instances, instances=scaling.instances, **cause)


class AutoscalingView(Model):
    min_instances: int
    max_instances: int
    metrics: list[MetricView]
    problem: str | None
    """Why it cannot scale; null if it can."""
    last_scaling: ScalingView | None

    @classmethod
    def of(
        cls, autoscaling: Autoscaling, reading: AutoscalerReading | None, scaling: ProcessScaling | None, *, memory_mib: int, cpu_millis: int
    ) -> Self:
        metrics = [
            MetricView(
                type=each.type,
                target=each.target,
                current=reading.current_of(index, each, memory_mib=memory_mib, cpu_millis=cpu_millis) if reading else None,
                **asdict(each.queue or QueueSource()),
            )
            for index, each in enumerate(autoscaling.metrics)
        ]
        return cls(
            min_instances=autoscaling.min_instances,
            max_instances=autoscaling.max_instances,
            metrics=metrics,
            problem=reading.problem if reading else None,
            last_scaling=ScalingView.of(scaling),
        )
