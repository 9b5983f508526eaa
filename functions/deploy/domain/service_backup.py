"""Backups of data services: one backup, when backups are made and how long they are kept, and restores.

States of a backup: running → complete or failed; complete or failed → deleting. Of a restore: waiting (for the safety copy) → running → complete or
failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from events.backups import (
    BackupCreated,
    BackupFailed,
    BackupMissed,
    BackupPurgeRequested,
    BackupRequested,
    BackupRestored,
    BackupVerified,
    DataServiceRestoreRequested,
)
from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.service_backup_rejections import InvalidBackupPolicy, NoBackups
from functions.deploy.domain.service_plans import ServerPlace, ServiceAddresses, ServiceKind
from functions.kernel import Events, FieldError, new_id
from functions.wire.cron import InvalidSchedule, Schedule

MAX_BACKUPS = 40
"""Of one service, until older ones are deleted."""
STORAGE_FACTOR = 10
"""The backups of a service may take so many times the storage of its plan."""
DEFAULT_KEEP_COUNT, DEFAULT_KEEP_DAYS = 14, 30
MAX_KEEP_DAYS = 366
MIN_PERIOD = timedelta(hours=1)
STUCK_AFTER = timedelta(hours=2)
"""A backup or restore that has not ended by then has lost its message: it is sent again."""
LATE_AFTER = timedelta(hours=2)
"""A backup that begins later than that after its time was missed."""
LOST_AFTER = timedelta(hours=24)
"""It has failed then."""
FAILURES_KEPT = timedelta(days=30)
MAX_REASON_LENGTH = 500


def require_backups(service: DataService, addresses: ServiceAddresses) -> None:
    """Raises NoBackups for a server elsewhere, and for a Redis that a cluster runs."""
    if service.kind is ServiceKind.EXTERNAL:
        raise NoBackups.of(service.name)
    if service.kind is ServiceKind.REDIS and addresses.place_of(service.kind, service.limits) is ServerPlace.CLUSTER:
        raise NoBackups.on_cluster(service.name)


def backup_missed(service: DataService, owner: UUID, expected_at: datetime, reason: str, at: datetime) -> BackupMissed:
    return BackupMissed(
        service_id=service.id,
        application_id=service.application_id,
        user_id=owner,
        name=service.name,
        expected_at=expected_at,
        reason=reason,
        at=at,
    )


class BackupTrigger(StrEnum):
    MANUAL = "manual"
    SCHEDULE = "schedule"
    SAFETY = "safety"
    """Before a restore into the same service."""


class BackupState(StrEnum):
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    DELETING = "deleting"


class RestoreState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(slots=True)
class ServiceBackup:
    id: UUID
    service_id: UUID
    application_id: UUID
    trigger: BackupTrigger
    requested_at: datetime
    state: BackupState = BackupState.RUNNING
    finished_at: datetime | None = None
    size_bytes: int = 0
    stored_bytes: int = 0
    """In the store, encrypted."""
    error: str | None = None
    verified_at: datetime | None = None
    """When a copy that was restored from it had all rows or keys."""
    verification_error: str | None = None

    @classmethod
    def request(cls, service: DataService, trigger: BackupTrigger, owner: UUID, at: datetime) -> tuple[Self, Events]:
        backup = cls(new_id(), service.id, service.application_id, trigger, at)
        return backup, (backup.request_event(owner),)

    def request_event(self, owner: UUID) -> BackupRequested:
        return BackupRequested(backup_id=self.id, service_id=self.service_id, application_id=self.application_id, user_id=owner, at=self.requested_at)

    def complete(self, name: str, owner: UUID, size_bytes: int, stored_bytes: int, at: datetime) -> Events:
        """Idempotent."""
        if self.state is not BackupState.RUNNING:
            return ()
        self.state, self.finished_at, self.size_bytes, self.stored_bytes = BackupState.COMPLETE, at, size_bytes, stored_bytes
        return (BackupCreated(**self._ids(owner), name=name, trigger=self.trigger, size_bytes=size_bytes, at=at),)

    def fail(self, name: str, owner: UUID, reason: str, at: datetime) -> Events:
        """Idempotent."""
        if self.state is not BackupState.RUNNING:
            return ()
        self.state, self.finished_at, self.error = BackupState.FAILED, at, reason[:MAX_REASON_LENGTH]
        return (BackupFailed(**self._ids(owner), name=name, step="backup", reason=self.error, at=at),)

    def verify(self, name: str, owner: UUID, rows: int, at: datetime) -> Events:
        self.verified_at, self.verification_error = at, None
        return (BackupVerified(**self._ids(owner), name=name, rows=rows, at=at),)

    def fail_verification(self, name: str, owner: UUID, reason: str, at: datetime) -> Events:
        self.verification_error = reason[:MAX_REASON_LENGTH]
        return (BackupFailed(**self._ids(owner), name=name, step="verification", reason=self.verification_error, at=at),)

    def delete(self) -> Events:
        """Idempotent: the deletion from the store is requested again."""
        self.state = BackupState.DELETING
        return (BackupPurgeRequested(backup_id=self.id, service_id=self.service_id, application_id=self.application_id),)

    def _ids(self, owner: UUID) -> dict[str, UUID]:
        return {"backup_id": self.id, "service_id": self.service_id, "application_id": self.application_id, "user_id": owner}


@dataclass(slots=True)
class BackupPolicy:
    """`schedule`: five fields of cron, in UTC; None: no backups by schedule. `next_at`: of the schedule."""

    service_id: UUID
    application_id: UUID
    schedule: str | None
    keep_count: int
    keep_days: int
    next_at: datetime | None

    @classmethod
    def default(cls, service: DataService, now: datetime) -> Self:
        """Daily, at a minute between 1:00 and 5:00 that differs between services."""
        minute = service.id.int % 240
        return cls.parse(service, f"{minute % 60} {1 + minute // 60} * * *", DEFAULT_KEEP_COUNT, DEFAULT_KEEP_DAYS, now)

    @classmethod
    def parse(cls, service: DataService, schedule: str | None, keep_count: int, keep_days: int, now: datetime) -> Self:
        """Raises InvalidBackupPolicy."""
        errors = []
        next_at = None
        if schedule is not None:
            try:
                parsed = Schedule.parse(schedule)
                next_at = parsed.next(now)
                following = parsed.next(next_at) if next_at else None
                if next_at is None or (following is not None and following - next_at < MIN_PERIOD):
                    errors.append(FieldError("/schedule", f'"{schedule}" has no time, or comes more often than once in an hour'))
            except InvalidSchedule as error:
                errors.append(FieldError("/schedule", str(error)))
        if not 1 <= keep_count <= MAX_BACKUPS - 5:
            errors.append(FieldError("/keepCount", f"keep {keep_count}: use 1–{MAX_BACKUPS - 5}"))
        if not 1 <= keep_days <= MAX_KEEP_DAYS:
            errors.append(FieldError("/keepDays", f"keep for {keep_days} days: use 1–{MAX_KEEP_DAYS}"))
        if errors:
            raise InvalidBackupPolicy.of(errors)
        return cls(service.id, service.application_id, schedule, keep_count, keep_days, next_at)

    def advance(self, now: datetime) -> None:
        """Ticks that were missed are not made up for."""
        assert self.schedule is not None, "it was due"
        self.next_at = Schedule.parse(self.schedule).next(now)

    def expired(self, backups: Sequence[ServiceBackup], now: datetime) -> list[ServiceBackup]:
        """Backups to delete: beyond the count or the days, but never the newest one that is complete. Failed ones after 30 days."""
        complete = sorted((each for each in backups if each.state is BackupState.COMPLETE), key=lambda each: each.requested_at, reverse=True)
        oldest = now - timedelta(days=self.keep_days)
        old = [each for rank, each in enumerate(complete) if rank > 0 and (rank >= self.keep_count or each.requested_at < oldest)]
        return old + [each for each in backups if each.state is BackupState.FAILED and each.requested_at < now - FAILURES_KEPT]


@dataclass(slots=True)
class ServiceRestore:
    id: UUID
    backup_id: UUID
    source_id: UUID
    """The service that the backup is of."""
    service_id: UUID
    """The service that gets its data."""
    application_id: UUID
    safety_backup_id: UUID | None
    requested_at: datetime
    state: RestoreState
    finished_at: datetime | None = None
    error: str | None = None

    @classmethod
    def request(cls, backup: ServiceBackup, target: DataService, safety: ServiceBackup | None, at: datetime) -> Self:
        state = RestoreState.WAITING if safety else RestoreState.RUNNING
        return cls(new_id(), backup.id, backup.service_id, target.id, target.application_id, safety.id if safety else None, at, state)

    def request_event(self, owner: UUID) -> DataServiceRestoreRequested:
        return DataServiceRestoreRequested(
            restore_id=self.id, service_id=self.service_id, application_id=self.application_id, user_id=owner, at=self.requested_at
        )

    def begin(self, owner: UUID) -> Events:
        """The safety copy is complete. Idempotent."""
        if self.state is not RestoreState.WAITING:
            return ()
        self.state = RestoreState.RUNNING
        return (self.request_event(owner),)

    def complete(self, name: str, owner: UUID, at: datetime) -> Events:
        if self.state is not RestoreState.RUNNING:
            return ()
        self.state, self.finished_at, self.error = RestoreState.COMPLETE, at, None
        return (
            BackupRestored(
                backup_id=self.backup_id,
                service_id=self.service_id,
                application_id=self.application_id,
                user_id=owner,
                name=name,
                safety_backup_id=self.safety_backup_id,
                at=at,
            ),
        )

    def fail(self, name: str, owner: UUID, reason: str, at: datetime) -> Events:
        if self.state in (RestoreState.COMPLETE, RestoreState.FAILED):
            return ()
        self.state, self.finished_at, self.error = RestoreState.FAILED, at, reason[:MAX_REASON_LENGTH]
        return (
            BackupFailed(
                backup_id=self.backup_id,
                service_id=self.service_id,
                application_id=self.application_id,
                user_id=owner,
                name=name,
                step="restore",
                reason=self.error,
                at=at,
            ),
        )
