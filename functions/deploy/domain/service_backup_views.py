"""How the API shows backups of data services."""

from datetime import datetime
from typing import Self
from uuid import UUID

from functions.deploy.domain.service_backup import BackupPolicy, BackupState, BackupTrigger, RestoreState, ServiceBackup, ServiceRestore
from functions.kernel import Model


class ServiceBackupView(Model):
    id: UUID
    service_id: UUID
    trigger: BackupTrigger
    state: BackupState
    requested_at: datetime
    finished_at: datetime | None
    size_bytes: int
    stored_bytes: int
    """In the store, encrypted."""
    error: str | None
    verified_at: datetime | None
    """When a copy that was restored from it had all rows; null: never."""
    verification_error: str | None

    @classmethod
    def of(cls, backup: ServiceBackup) -> Self:
        return cls(
            id=backup.id,
            service_id=backup.service_id,
            trigger=backup.trigger,
            state=backup.state,
            requested_at=backup.requested_at,
            finished_at=backup.finished_at,
            size_bytes=backup.size_bytes,
            stored_bytes=backup.stored_bytes,
            error=backup.error,
            verified_at=backup.verified_at,
            verification_error=backup.verification_error,
        )


class BackupPolicyView(Model):
    schedule: str | None
    """Five fields of cron, in UTC; null: no backups by schedule."""
    keep_count: int
    keep_days: int
    next_at: datetime | None

    @classmethod
    def of(cls, policy: BackupPolicy) -> Self:
        return cls(schedule=policy.schedule, keep_count=policy.keep_count, keep_days=policy.keep_days, next_at=policy.next_at)


class ServiceRestoreView(Model):
    id: UUID
    backup_id: UUID
    service_id: UUID
    """The service that gets the data."""
    state: RestoreState
    """`waiting`: for the copy of what the service has now."""
    safety_backup_id: UUID | None
    requested_at: datetime
    finished_at: datetime | None
    error: str | None

    @classmethod
    def of(cls, restore: ServiceRestore) -> Self:
        return cls(
            id=restore.id,
            backup_id=restore.backup_id,
            service_id=restore.service_id,
            state=restore.state,
            safety_backup_id=restore.safety_backup_id,
            requested_at=restore.requested_at,
            finished_at=restore.finished_at,
            error=restore.error,
        )
