"""Measured use: records with unique ids, added up by hour, application and environment.

A record may come twice, late, or out of order. Its id makes it count once; its window, not its arrival, says into which hour and so into which
period it falls. Ids are remembered a little longer than a record may be late, so that forgetting them cannot make one count again.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from functions.kernel import Permanent

LATEST = timedelta(days=40)
IDS_KEPT = timedelta(days=45)
AHEAD = timedelta(hours=1)
MOST = 10**12


class ImplausibleUsage(Permanent):
    """A record that must not reach a bill without a person looking at it: it goes to the dead letters."""


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
        """A window counts where it begins."""
        return self.begin.astimezone(UTC).replace(minute=0, second=0, microsecond=0)

    def check(self, now: datetime) -> None:
        """Raises ImplausibleUsage."""
        if self.end < self.begin:
            raise ImplausibleUsage(f"usage {self.id}: its window ends ({self.end}) before it begins ({self.begin})")
        if not (0 <= self.requests <= MOST and 0 <= self.cpu_milliseconds <= MOST):
            raise ImplausibleUsage(f"usage {self.id}: {self.requests} requests, {self.cpu_milliseconds} ms of CPU")
        if self.begin < now - LATEST:
            raise ImplausibleUsage(f"usage {self.id}: from {self.begin}, more than {LATEST.days} days late")
        if self.begin > now + AHEAD:
            raise ImplausibleUsage(f"usage {self.id}: from {self.begin}, which has not come yet")


@dataclass(frozen=True, slots=True)
class Use:
    """What one environment of one application has used within a period."""

    application_id: UUID
    environment: str
    requests: int
    cpu_milliseconds: int
