"""Measured usage: records with unique ids, summed by hour, application and environment.

A record may arrive twice, late or out of order. Its id makes it count once. Its window, not its arrival, decides the
hour and so the period. Ids are kept longer than a record may be late, so deleting them cannot make a record count
twice.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from functions.kernel import Permanent

MAX_LATENESS = timedelta(days=40)
ID_RETENTION = timedelta(days=45)
MAX_CLOCK_SKEW = timedelta(hours=1)
MAX_QUANTITY = 10**12


class ImplausibleUsage(Permanent):
    """A record that must not be billed unchecked. It becomes a dead letter."""


@dataclass(frozen=True, slots=True)
class UsageRecord:
    id: UUID
    user_id: UUID
    application_id: UUID
    environment: str
    begin: datetime
    end: datetime
    requests: int
    cpu_milliseconds: int

    @property
    def hour(self) -> datetime:
        """The hour in which the window begins."""
        return self.begin.astimezone(UTC).replace(minute=0, second=0, microsecond=0)

    @property
    def cpu_until(self) -> datetime | None:
        """Until when the record measures CPU time; None if it has none."""
        return self.end if self.cpu_milliseconds else None

    def check(self, now: datetime) -> None:
        """Raises ImplausibleUsage."""
        if self.end < self.begin:
            raise ImplausibleUsage(f"usage {self.id}: the window ends ({self.end}) before it begins ({self.begin})")
        if not (0 <= self.requests <= MAX_QUANTITY and 0 <= self.cpu_milliseconds <= MAX_QUANTITY):
            raise ImplausibleUsage(f"usage {self.id}: {self.requests} requests and {self.cpu_milliseconds} CPU ms; allowed: 0 to {MAX_QUANTITY}")
        if self.begin < now - MAX_LATENESS:
            raise ImplausibleUsage(f"usage {self.id}: the window begins at {self.begin}, more than {MAX_LATENESS.days} days ago")
        if self.begin > now + MAX_CLOCK_SKEW:
            raise ImplausibleUsage(f"usage {self.id}: the window begins at {self.begin}, in the future")


@dataclass(frozen=True, slots=True)
class EnvironmentUsage:
    """The usage of one environment of one application within a period.

    `cpu_until`: the end of the last window with CPU time; None if there is none.
    """

    application_id: UUID
    environment: str
    requests: int
    cpu_milliseconds: int
    cpu_until: datetime | None = None
