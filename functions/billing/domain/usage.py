"""Measured usage: records with unique ids, summed by hour, application and environment.

What belongs to an application and not to one of its environments (data services, volumes, backups) has the environment "".

A record may arrive twice, late or out of order. Its id makes it count once. Its window, not its arrival, decides the
hour and so the period. Ids are kept longer than a record may be late, so deleting them cannot make a record count
twice.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from functions.billing.domain.plans import Meter
from functions.kernel import Permanent

MAX_LATENESS = timedelta(days=40)
ID_RETENTION = timedelta(days=45)
MAX_CLOCK_SKEW = timedelta(hours=1)
MAX_QUANTITY = 10**12


class ImplausibleUsage(Permanent):
    """A record that must not be billed unchecked. It becomes a dead letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantities:
    """What was used, with a field for each `Meter`."""

    requests: int = 0
    cpu_milliseconds: int = 0
    database_mib_seconds: int = 0
    redis_mib_seconds: int = 0
    volume_mib_seconds: int = 0
    backup_mib_seconds: int = 0

    def of(self, meter: Meter) -> int:
        quantity: int = getattr(self, meter)
        return quantity


@dataclass(frozen=True, slots=True)
class UsageRecord(Quantities):
    id: UUID
    user_id: UUID
    application_id: UUID
    environment: str
    begin: datetime
    end: datetime

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
        for meter in Meter:
            if not 0 <= self.of(meter) <= MAX_QUANTITY:
                raise ImplausibleUsage(f"usage {self.id}: {self.of(meter)} {meter}; allowed: 0 to {MAX_QUANTITY}")
        if self.begin < now - MAX_LATENESS:
            raise ImplausibleUsage(f"usage {self.id}: the window begins at {self.begin}, more than {MAX_LATENESS.days} days ago")
        if self.begin > now + MAX_CLOCK_SKEW:
            raise ImplausibleUsage(f"usage {self.id}: the window begins at {self.begin}, in the future")


@dataclass(frozen=True, slots=True)
class EnvironmentUsage(Quantities):
    """The usage of one environment of one application within a period.

    `cpu_until`: the end of the last window with CPU time; None if there is none.
    """

    application_id: UUID
    environment: str
    cpu_until: datetime | None = None
