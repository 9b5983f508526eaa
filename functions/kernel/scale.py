"""How many instances of a function run, and how often a message is tried."""

from dataclasses import dataclass
from enum import StrEnum


class ScaleMetric(StrEnum):
    """What the number of instances follows between `min` and `max`."""

    CONCURRENCY = "concurrency"
    """Messages at a time in one instance."""
    CPU = "cpu"
    """Millicores that an instance uses, its sidecar included."""
    MEMORY = "memory"
    """MiB that an instance uses, its sidecar included."""


MAX_TARGET = 1_000_000


@dataclass(frozen=True, slots=True)
class Scale:
    """`min`, `max`: instances. `concurrency`: messages at a time in one instance. `pool`: database connections of one instance.

    `batch`: messages that may share a transaction (`runtime.execution.batches`), or queries that may share a call of their handler
    (`runtime.execution.query_batches`). More than 1 only for a function with a handler that does nothing but read and write the database, and keeps
    nothing in the process.

    `metric`, `target`: another instance starts when the average of those that run is above `target`. Without a target, at 70 % of
    `concurrency`. CPU and memory need one, and a `min` of 1: at zero nothing uses them.

    `queue_depth`: messages in the queue for each instance, where the component `queue-depth` has KEDA scale by them
    (`functions.describe.autoscaling`). Everywhere else `metric` counts.

    See `functions.describe.pools` for the budget of connections. Raises ValueError for values that no cluster accepts.
    """

    min: int = 0
    max: int = 3
    concurrency: int = 20
    pool: int = 2
    batch: int = 1
    metric: ScaleMetric = ScaleMetric.CONCURRENCY
    target: int | None = None
    queue_depth: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.min <= self.max or self.max < 1:
            raise ValueError(f"Scale(min={self.min}, max={self.max}): use 0 ≤ min ≤ max and max ≥ 1")
        if self.metric is ScaleMetric.CONCURRENCY:
            if self.target is not None and not 1 <= self.target <= self.concurrency:
                raise ValueError(f"Scale(target={self.target}): use 1 to {self.concurrency}, the concurrency")
        elif self.target is None or not 1 <= self.target <= MAX_TARGET:
            raise ValueError(f"Scale(metric={self.metric}, target={self.target}): use a target of millicores (cpu) or MiB (memory)")
        elif not self.min:
            raise ValueError(f"Scale(metric={self.metric}, min=0): at zero nothing uses CPU or memory, so nothing would start. Use min=1")
        if self.queue_depth is not None and self.queue_depth < 1:
            raise ValueError(f"Scale(queue_depth={self.queue_depth}): use 1 or more messages for each instance")


@dataclass(frozen=True, slots=True)
class Retry:
    """`attempts`: in total. `first_delay_seconds`: before the second attempt; doubles with jitter up to an hour."""

    attempts: int = 8
    first_delay_seconds: float = 1.0
