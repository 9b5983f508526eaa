"""Counted requests: windows as they are measured, use as it is billed, figures as they are read."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from functions.kernel import new_id
from functions.monitor.domain.rejections import BadRange

MOST_POINTS = 1500


@dataclass(frozen=True, slots=True)
class Window:
    """Requests of one revision with one status, from `begin` to `end`."""

    begin: datetime
    end: datetime
    application_id: UUID
    environment: str
    revision: str
    status: int
    requests: int
    duration_ms: float


@dataclass(frozen=True, slots=True)
class MeasuredUse:
    """What one environment used within a window. Its id is given once, and committed together with the message that it came from: a message that
    comes again is not counted again, and whoever gets the use twice knows it by its id."""

    id: UUID
    application_id: UUID
    environment: str
    begin: datetime
    end: datetime
    requests: int


def measured(windows: Iterable[Window]) -> list[MeasuredUse]:
    """All requests count, whatever their status and revision."""
    sums: dict[tuple[UUID, str, datetime, datetime], int] = defaultdict(int)
    for window in windows:
        sums[window.application_id, window.environment, window.begin, window.end] += window.requests
    return [MeasuredUse(new_id(), *key, requests) for key, requests in sums.items() if requests]


@dataclass(frozen=True, slots=True)
class Range:
    """Equal steps from `begin`; the last may reach beyond `end`."""

    begin: datetime
    end: datetime
    step: timedelta

    def __post_init__(self) -> None:
        if self.begin >= self.end:
            raise BadRange("`from` must lie before `to`")
        if (self.end - self.begin) / self.step > MOST_POINTS:
            raise BadRange(f"more than {MOST_POINTS} points: take a longer step or a shorter range")

    def steps(self) -> list[datetime]:
        count = -((self.begin - self.end) // self.step)
        return [self.begin + index * self.step for index in range(count)]


@dataclass(frozen=True, slots=True)
class Tally:
    """Requests of one class of status (2 for 200–299) whose window began within the step that begins at `at`."""

    at: datetime
    status_class: int
    requests: int
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Point:
    at: datetime
    requests: int = 0
    by_class: Mapping[int, int] = field(default_factory=dict)
    mean_ms: float | None = None


def points(over: Range, tallies: Sequence[Tally]) -> list[Point]:
    """One for each step, empty ones too: no requests is a figure, not a gap."""
    grouped: dict[datetime, list[Tally]] = defaultdict(list)
    for tally in tallies:
        grouped[tally.at].append(tally)
    return [summed(step, grouped[step]) for step in over.steps()]


def summed(at: datetime, tallies: Iterable[Tally]) -> Point:
    by_class: dict[int, int] = defaultdict(int)
    duration = 0.0
    for tally in tallies:
        by_class[tally.status_class] += tally.requests
        duration += tally.duration_ms
    requests = sum(by_class.values())
    return Point(at, requests, dict(by_class), duration / requests if requests else None)
