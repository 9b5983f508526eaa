"""Metrics of an application over a time range, in equal steps: requests, status, latency, CPU and memory."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Self

from functions.monitor.domain.durations import Buckets, merged, quantile
from functions.monitor.domain.rejections import BadRange
from functions.monitor.domain.requests import Tally
from functions.monitor.domain.resources import ResourceTally, floor

MAX_POINTS = 1500
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class Level(Enum):
    """Resolution of stored rows, finest first."""

    RAW = "raw"
    MINUTES = "minutes"
    HOURS = "hours"


@dataclass(frozen=True, slots=True)
class Range:
    """Equal steps counted from a fixed origin, so that all readers get the same values. The last step may reach beyond `end`."""

    begin: datetime
    end: datetime
    step: timedelta

    @classmethod
    def covering(cls, begin: datetime, end: datetime, step: timedelta) -> Self:
        return cls(floor(begin, step), end, step)

    def __post_init__(self) -> None:
        if self.begin >= self.end:
            raise BadRange("`from` must be before `to`")
        if (self.end - self.begin) / self.step > MAX_POINTS:
            raise BadRange(f"more than {MAX_POINTS} points: use a longer step or a shorter range")
        if self.step > MINUTE and self.step % MINUTE:
            raise BadRange("a step over 60 seconds must be a multiple of 60")

    @property
    def level(self) -> Level:
        """The coarsest resolution that the steps can be computed from."""
        if self.step < MINUTE:
            return Level.RAW
        return Level.MINUTES if self.step % HOUR else Level.HOURS

    def steps(self) -> list[datetime]:
        count = -((self.begin - self.end) // self.step)
        return [self.begin + index * self.step for index in range(count)]


@dataclass(frozen=True, slots=True)
class Point:
    """Memory is that of one instance: the mean over all instances, and the maximum of any."""

    at: datetime
    requests: int = 0
    by_class: Mapping[int, int] = field(default_factory=dict)
    duration_ms: float = 0.0
    buckets: Buckets = field(default_factory=dict)
    cpu_ms: float = 0.0
    memory_max: int | None = None
    memory_mean: float | None = None

    @property
    def error_rate(self) -> float | None:
        """Ratio of 5xx responses; None without requests."""
        return self.by_class.get(5, 0) / self.requests if self.requests else None

    @property
    def mean_ms(self) -> float | None:
        return self.duration_ms / self.requests if self.requests else None

    def latency_ms(self, q: float) -> float | None:
        return quantile(self.buckets, q)


def points(over: Range, tallies: Iterable[Tally], resources: Iterable[ResourceTally]) -> list[Point]:
    """One point per step, including steps without requests."""
    counted: dict[datetime, list[Tally]] = defaultdict(list)
    used: dict[datetime, list[ResourceTally]] = defaultdict(list)
    for tally in tallies:
        counted[tally.at].append(tally)
    for resource in resources:
        used[resource.at].append(resource)
    return [total(step, counted[step], used[step]) for step in over.steps()]


def total(at: datetime, tallies: Sequence[Tally], resources: Sequence[ResourceTally]) -> Point:
    by_class: dict[int, int] = defaultdict(int)
    for tally in tallies:
        by_class[tally.status_class] += tally.requests
    seconds = sum(tally.instance_seconds for tally in resources)
    return Point(
        at,
        sum(by_class.values()),
        dict(by_class),
        sum(tally.duration_ms for tally in tallies),
        merged(tally.buckets for tally in tallies),
        sum(tally.cpu_ms for tally in resources),
        max((tally.memory_max for tally in resources), default=None),
        sum(tally.memory_byte_seconds for tally in resources) / seconds if seconds else None,
    )
