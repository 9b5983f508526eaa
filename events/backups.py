"""Events of the deploy context about backups of data services."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event


class BackupRequested(Event, type="backup.requested"):
    """A backup of a data service was requested."""

    backup_id: UUID
    service_id: UUID
    application_id: UUID
    user_id: UUID
    at: datetime


class BackupCreated(Event, type="backup.created", is_public=True):
    """A backup of a data service is stored.

    `trigger`: `manual`, `schedule`, or `safety` for the copy before a restore. It is verified next, see `backup.verified`.
    """

    backup_id: UUID
    service_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    trigger: str
    size_bytes: int
    at: datetime


class BackupVerified(Event, type="backup.verified", is_public=True):
    """A copy that was restored from a backup has all rows."""

    backup_id: UUID
    service_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    rows: int
    at: datetime


class BackupFailed(Event, type="backup.failed", is_public=True):
    """A backup of a data service, its verification or its restore failed.

    `step`: `backup`, `verification` or `restore`.
    """

    backup_id: UUID
    service_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    step: str
    reason: str
    at: datetime


class BackupMissed(Event, type="backup.missed", is_public=True):
    """A backup of a data service that was due has not come in time.

    `reason`: why. If nothing stands in its way it begins now.
    """

    service_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    expected_at: datetime
    reason: str
    at: datetime


class BackupRestored(Event, type="backup.restored", is_public=True):
    """A data service has the data of a backup.

    `safety_backup_id`: the copy of what it had before; null for a service that was created for this.
    """

    backup_id: UUID
    service_id: UUID
    application_id: UUID
    user_id: UUID
    name: str
    safety_backup_id: UUID | None
    at: datetime


class DataServiceRestoreRequested(Event, type="data-service.restore-requested"):
    """The data of a backup are due to replace those of a data service."""

    restore_id: UUID
    service_id: UUID
    application_id: UUID
    user_id: UUID
    at: datetime


class BackupPurgeRequested(Event, type="backup.purge-requested"):
    """A backup of a data service is due to be deleted from the store."""

    backup_id: UUID
    service_id: UUID
    application_id: UUID
