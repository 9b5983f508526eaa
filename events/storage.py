"""Events of the deploy context about the storage that applications use."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event


class StorageMeasured(Event, type="storage.measured"):
    """The storage of one application in one window of time was measured.

    MiB × seconds: of databases, the storage of their plans; of Redis services, the memory of their plans; of volumes, their
    size; of backups and snapshots, what they take. `usage_id` is unique: consumers add each up once. `application`: its name.
    """

    usage_id: UUID
    application_id: UUID
    user_id: UUID
    window_from: datetime
    window_to: datetime
    database_mib_seconds: int
    redis_mib_seconds: int
    volume_mib_seconds: int
    backup_mib_seconds: int
    application: str
