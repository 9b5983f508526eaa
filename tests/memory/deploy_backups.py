"""Backups of data services in memory, and a store that holds what databases had."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from functions.deploy.domain.data_service import DataService, ServiceState
from functions.deploy.domain.service_backup import BackupPolicy, BackupState, RestoreState, ServiceBackup, ServiceRestore
from functions.deploy.domain.service_backup_rejections import BackupInProgress, BackupNotFound
from functions.deploy.ports import DataServices, StoredServiceBackup

UNFINISHED = (RestoreState.WAITING, RestoreState.RUNNING)


class MemoryServiceBackups:
    def __init__(self, services: DataServices) -> None:
        self._services = services
        self.rows: dict[UUID, ServiceBackup] = {}
        self.policies: dict[UUID, BackupPolicy] = {}
        self.restores: dict[UUID, ServiceRestore] = {}

    async def add(self, backup: ServiceBackup) -> None:
        if any(each.service_id == backup.service_id and each.state is BackupState.RUNNING for each in self.rows.values()):
            raise BackupInProgress.of("this service")
        self.rows[backup.id] = deepcopy(backup)

    async def get(self, service_id: UUID, backup_id: UUID) -> ServiceBackup:
        found = self.rows.get(backup_id)
        if found is None or found.service_id != service_id:
            raise BackupNotFound.of(backup_id)
        return deepcopy(found)

    async def lock(self, backup_id: UUID) -> ServiceBackup | None:
        return deepcopy(self.rows.get(backup_id))

    async def save(self, backup: ServiceBackup) -> None:
        self.rows[backup.id] = deepcopy(backup)

    async def delete(self, backup_id: UUID) -> None:
        self.rows.pop(backup_id, None)

    async def delete_all(self, service_id: UUID) -> None:
        self.rows = {key: each for key, each in self.rows.items() if each.service_id != service_id}
        self.restores = {key: each for key, each in self.restores.items() if service_id not in (each.service_id, each.source_id)}
        self.policies.pop(service_id, None)

    async def list_of(self, service_id: UUID) -> Sequence[ServiceBackup]:
        found = [each for each in self.rows.values() if each.service_id == service_id]
        return deepcopy(sorted(found, key=lambda each: (each.requested_at, each.id), reverse=True))

    async def list_unfinished(self, before: datetime, limit: int) -> Sequence[ServiceBackup]:
        states = (BackupState.RUNNING, BackupState.DELETING)
        found = [each for each in self.rows.values() if each.state in states and each.requested_at < before]
        return deepcopy(sorted(found, key=lambda each: each.requested_at)[:limit])

    async def find_policy(self, service_id: UUID) -> BackupPolicy | None:
        return deepcopy(self.policies.get(service_id))

    async def save_policy(self, policy: BackupPolicy) -> None:
        self.policies[policy.service_id] = deepcopy(policy)

    async def lock_due_policies(self, now: datetime, limit: int) -> Sequence[BackupPolicy]:
        due = [each for each in self.policies.values() if each.next_at is not None and each.next_at <= now]
        return deepcopy(due[:limit])

    async def list_without_policy(self, limit: int) -> Sequence[DataService]:
        stored = await self._services.list_stored(1000, 0)
        return [each for each in stored if each.state is ServiceState.READY and each.id not in self.policies][:limit]

    async def add_restore(self, restore: ServiceRestore) -> None:
        if any(each.service_id == restore.service_id and each.state in UNFINISHED for each in self.restores.values()):
            raise BackupInProgress.of("this service")
        self.restores[restore.id] = deepcopy(restore)

    async def lock_restore(self, restore_id: UUID) -> ServiceRestore | None:
        return deepcopy(self.restores.get(restore_id))

    async def lock_restore_after(self, safety_backup_id: UUID) -> ServiceRestore | None:
        waiting = [each for each in self.restores.values() if each.state is RestoreState.WAITING and each.safety_backup_id == safety_backup_id]
        return deepcopy(waiting[0]) if waiting else None

    async def save_restore(self, restore: ServiceRestore) -> None:
        self.restores[restore.id] = deepcopy(restore)

    async def list_unfinished_restores(self, before: datetime, limit: int) -> Sequence[ServiceRestore]:
        found = [each for each in self.restores.values() if each.state in UNFINISHED and each.requested_at < before]
        return deepcopy(sorted(found, key=lambda each: each.requested_at)[:limit])

    async def list_restores(self, service_id: UUID) -> Sequence[ServiceRestore]:
        found = [each for each in self.restores.values() if each.service_id == service_id]
        return deepcopy(sorted(found, key=lambda each: each.requested_at, reverse=True)[:20])


@dataclass
class MemoryServiceBackupStore:
    """`content`: of each service. `failures`, `verification_failures`, `restore_failures`: raised by the next calls, one each."""

    content: dict[UUID, str] = field(default_factory=dict)
    stored: dict[UUID, dict[UUID, str]] = field(default_factory=dict)
    """Service → backup → content."""
    failures: list[Exception] = field(default_factory=list)
    verification_failures: list[Exception] = field(default_factory=list)
    restore_failures: list[Exception] = field(default_factory=list)
    restored: set[UUID] = field(default_factory=set)

    async def create(self, service: DataService, backup_id: UUID) -> StoredServiceBackup:
        if self.failures:
            raise self.failures.pop(0)
        content = self.content.get(service.id, "")
        self.stored.setdefault(service.id, {})[backup_id] = content
        return StoredServiceBackup(len(content), len(content) + 73)

    async def verify(self, service: DataService, backup_id: UUID) -> int:
        if self.verification_failures:
            raise self.verification_failures.pop(0)
        return len(self.stored[service.id][backup_id])

    async def restore(self, source: DataService, backup_id: UUID, target: DataService, restore_id: UUID) -> None:
        if self.restore_failures:
            raise self.restore_failures.pop(0)
        if restore_id not in self.restored:
            self.content[target.id] = self.stored[source.id][backup_id]
            self.restored.add(restore_id)

    async def delete(self, service_id: UUID, backup_id: UUID) -> None:
        self.stored.get(service_id, {}).pop(backup_id, None)

    async def delete_all(self, service_id: UUID) -> None:
        self.stored.pop(service_id, None)
