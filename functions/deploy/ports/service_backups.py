"""The ports of data services' backups: their rows, and the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.service_backup import BackupPolicy, ServiceBackup, ServiceRestore


class ServiceBackups(Protocol):
    """Rows of backups, policies and restores. Those that are deleted from the store have no row."""

    async def add(self, backup: ServiceBackup) -> None:
        """Raises BackupInProgress while another one of the service runs."""
        ...

    async def get(self, service_id: UUID, backup_id: UUID) -> ServiceBackup:
        """Raises BackupNotFound."""
        ...

    async def lock(self, backup_id: UUID) -> ServiceBackup | None:
        """In any state, with the row locked until the transaction ends."""
        ...

    async def save(self, backup: ServiceBackup) -> None: ...

    async def delete(self, backup_id: UUID) -> None:
        """Idempotent."""
        ...

    async def delete_all(self, service_id: UUID) -> None:
        """Delete all rows of a service, also its policy and restores. Idempotent."""
        ...

    async def list_of(self, service_id: UUID) -> Sequence[ServiceBackup]:
        """Newest first."""
        ...

    async def list_unfinished(self, before: datetime, limit: int) -> Sequence[ServiceBackup]:
        """Those that run or are being deleted, and were requested before that time."""
        ...

    async def find_policy(self, service_id: UUID) -> BackupPolicy | None: ...

    async def save_policy(self, policy: BackupPolicy) -> None: ...

    async def lock_due_policies(self, now: datetime, limit: int) -> Sequence[BackupPolicy]: ...

    async def list_without_policy(self, limit: int) -> Sequence[DataService]:
        """Those that are ready and have no policy, but for servers elsewhere."""
        ...

    async def add_restore(self, restore: ServiceRestore) -> None:
        """Raises BackupInProgress while another one into the service has not ended."""
        ...

    async def lock_restore(self, restore_id: UUID) -> ServiceRestore | None: ...

    async def lock_restore_after(self, safety_backup_id: UUID) -> ServiceRestore | None:
        """The restore that waits for this safety copy."""
        ...

    async def save_restore(self, restore: ServiceRestore) -> None: ...

    async def list_unfinished_restores(self, before: datetime, limit: int) -> Sequence[ServiceRestore]: ...

    async def list_restores(self, service_id: UUID) -> Sequence[ServiceRestore]:
        """Into a service, newest first, at most 20."""
        ...


@dataclass(frozen=True, slots=True)
class StoredServiceBackup:
    size_bytes: int
    stored_bytes: int


class ServiceBackupStore(Protocol):
    """Backs up and restores what data services hold. Each kind of service has its own way. Every method may be repeated after a crash at any point.

    All raise Transient and Permanent errors whose text says what failed: ServiceServerUnavailable, ServiceServerRefused, and those of the store.
    """

    async def create(self, service: DataService, backup_id: UUID) -> StoredServiceBackup:
        """Store the data of a service as of one moment. What an interruption left is not taken for a backup."""
        ...

    async def verify(self, service: DataService, backup_id: UUID) -> int:
        """Restore a backup into a copy beside the service, compare what is in the copy, and delete it. Returns the number of rows or keys."""
        ...

    async def restore(self, source: DataService, backup_id: UUID, target: DataService, restore_id: UUID) -> None:
        """Replace the data of `target` by those of a backup: all of them or none. Once it has been done for a restore, it is not done again."""
        ...

    async def delete(self, service_id: UUID, backup_id: UUID) -> None: ...

    async def delete_all(self, service_id: UUID) -> None: ...
