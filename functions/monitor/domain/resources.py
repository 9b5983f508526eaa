"""CPU and memory of pods, in quantities that can be added up (a mean is a quotient of two sums)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

MINUTE = timedelta(minutes=1)
EPOCH = datetime(2000, 1, 3, tzinfo=UTC)
"""Origin of all steps, a Monday."""

MAX_WINDOW = timedelta(hours=6)
"""Longer windows are cut, so that a wrong clock cannot write unlimited rows."""


@dataclass(frozen=True, slots=True)
class ResourceWindow:
    begin: datetime
    end: datetime
    application_id: UUID
    environment: str
    component: str
    service: str
    pod: str
    cpu_ms: float
    memory_max: int
    memory_mean: float

    @property
    def seconds(self) -> float:
        return (self.end - self.begin).total_seconds()

    def by_minute(self) -> Iterator["ResourceWindow"]:
        """Split the window by minute. An idle pod is reported every ten minutes."""
        begin = max(self.begin, self.end - MAX_WINDOW)
        whole = (self.end - begin).total_seconds()
        while True:
            end = min(floor(begin, MINUTE) + MINUTE, self.end)
            share = (end - begin).total_seconds() / whole if whole else 1.0
            yield ResourceWindow(
                begin,
                end,
                self.application_id,
                self.environment,
                self.component,
                self.service,
                self.pod,
                self.cpu_ms * share,
                self.memory_max,
                self.memory_mean,
            )
            if end >= self.end:
                return
            begin = end


@dataclass(frozen=True, slots=True)
class ResourceTally:
    """What all pods of an environment used within the step that begins at `at`."""

    at: datetime
    environment: str
    cpu_ms: float
    memory_max: int
    memory_byte_seconds: float
    instance_seconds: float


def floor(at: datetime, step: timedelta) -> datetime:
    return at - (at - EPOCH) % step
