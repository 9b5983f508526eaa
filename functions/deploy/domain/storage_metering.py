"""What applications store, times how long.

A meter of each application that has something stored says until when it is measured. Each measurement is a window from there to now, so windows
neither overlap nor leave gaps, whatever is repeated or comes late. A wrong clock cannot bill more than `MAX_WINDOW` at once: longer windows are cut,
and a meter that lies far ahead of now starts again from now.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from events.storage import StorageMeasured
from functions.deploy.domain.service_plans import PLANS, ServiceKind
from functions.kernel import new_id

INTERVAL = timedelta(hours=1)
"""Between two measurements of an application."""
MAX_WINDOW = timedelta(hours=6)
MAX_CLOCK_STEP = timedelta(hours=1)
"""A clock that was set back less than that is waited for."""
MICROSECOND, MIB = timedelta(microseconds=1), 2**20


class StorageKind(StrEnum):
    DATABASE = "database"
    REDIS = "redis"
    VOLUME = "volume"
    BACKUP = "backup"
    """Backups of data services, and snapshots of volumes."""


@dataclass(frozen=True, slots=True)
class StoredResource:
    """`end`: when it was deleted; None: it exists. `is_purged`: it cannot be restored any more."""

    kind: StorageKind
    size_bytes: int
    begin: datetime
    end: datetime | None = None
    is_purged: bool = False

    @classmethod
    def of_service(cls, kind: ServiceKind, plan: str, begin: datetime, end: datetime | None, is_purged: bool) -> Self:
        """What the plan reserves: the storage of a database, the memory of a Redis."""
        limits = PLANS[kind][plan]
        if kind is ServiceKind.REDIS:
            return cls(StorageKind.REDIS, (limits.memory_mib or 0) * MIB, begin, end, is_purged)
        return cls(StorageKind.DATABASE, limits.storage_bytes, begin, end, is_purged)

    def byte_microseconds(self, begin: datetime, end: datetime) -> int:
        """Within a window."""
        first, last = max(self.begin, begin), min(self.end or end, end)
        return self.size_bytes * (max(last - first, timedelta()) // MICROSECOND)


@dataclass(slots=True)
class StorageMeter:
    """`application` and `user_id`: the application's name and owner, as of now."""

    application_id: UUID
    application: str
    user_id: UUID
    measured_until: datetime

    def measure(self, resources: Iterable[StoredResource], now: datetime) -> StorageMeasured | None:
        """Measure until now. None if nothing was stored, or the clock was set back."""
        begin, self.measured_until = max(self.measured_until, now - MAX_WINDOW), now
        if begin >= now:
            return None
        sums = dict.fromkeys(StorageKind, 0)
        for each in resources:
            sums[each.kind] += each.byte_microseconds(begin, now)
        mib_seconds = {kind: total // (MIB * 10**6) for kind, total in sums.items()}
        if not any(mib_seconds.values()):
            return None
        return StorageMeasured(
            usage_id=new_id(),
            application_id=self.application_id,
            user_id=self.user_id,
            window_from=begin,
            window_to=now,
            database_mib_seconds=mib_seconds[StorageKind.DATABASE],
            redis_mib_seconds=mib_seconds[StorageKind.REDIS],
            volume_mib_seconds=mib_seconds[StorageKind.VOLUME],
            backup_mib_seconds=mib_seconds[StorageKind.BACKUP],
            application=self.application,
        )
