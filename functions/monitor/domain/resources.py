"""What pods used: CPU and memory, in quantities that can be added up (a mean is a quotient of two sums)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

MINUTE = timedelta(minutes=1)
EPOCH = datetime(2000, 1, 3, tzinfo=UTC)
"""Where all steps are counted from: a Monday."""

LONGEST = timedelta(hours=6)
"""A window that claims to be longer is cut: nobody's clock may write rows without end."""


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
        """Spread over the minutes that it touches. A pod at rest is told of every ten minutes."""
        begin = max(self.begin, self.end - LONGEST)
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
