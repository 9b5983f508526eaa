"""Meters of stored data, and what accounts use of their quotas, in memory: over the rows of the other stores in memory."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from functions.deploy.domain.data_service import ServiceState
from functions.deploy.domain.service_backup import BackupState
from functions.deploy.domain.storage_amounts import StorageAmounts
from functions.deploy.domain.storage_metering import MIB, StorageKind, StorageMeter, StoredResource
from functions.deploy.domain.volume import VolumeState
from functions.deploy.domain.volume_snapshot import SnapshotState
from tests.memory.deploy import MemoryApplications
from tests.memory.deploy_backups import MemoryServiceBackups
from tests.memory.deploy_data_services import MemoryDataServices
from tests.memory.deploy_volumes import MemoryVolumes, MemoryVolumeSnapshots


@dataclass(frozen=True)
class StoredRows:
    """The stores with the rows that are measured."""

    applications: MemoryApplications
    services: MemoryDataServices
    backups: MemoryServiceBackups
    volumes: MemoryVolumes
    snapshots: MemoryVolumeSnapshots

    def resources(self) -> Iterator[tuple[UUID, StoredResource]]:
        for service in self.services.rows.values():
            end, is_purged = service.deleted_at, service.state is ServiceState.PURGED
            if service.is_provisioned and service.ready_at is not None:
                yield service.application_id, StoredResource.of_service(service.kind, service.plan, service.ready_at, end, is_purged)
            for backup in self.backups.rows.values():
                if backup.service_id == service.id and backup.state is BackupState.COMPLETE and backup.finished_at is not None:
                    resource = StoredResource(StorageKind.BACKUP, backup.stored_bytes, backup.finished_at, end, is_purged)
                    yield backup.application_id, resource
        for volume in self.volumes.rows.values():
            end, is_purged = volume.deleted_at, volume.state is VolumeState.PURGED
            if volume.ready_at is not None:
                yield volume.application_id, StoredResource(StorageKind.VOLUME, volume.size_mib * MIB, volume.ready_at, end, is_purged)
            for snapshot in self.snapshots.rows.values():
                if snapshot.volume_id == volume.id and snapshot.state is SnapshotState.READY and snapshot.ready_at is not None:
                    size = snapshot.size_mib * MIB if snapshot.used_bytes is None else snapshot.used_bytes
                    yield snapshot.application_id, StoredResource(StorageKind.BACKUP, size, snapshot.ready_at, end, is_purged)


class MemoryStorageMeters:
    def __init__(self, stored: StoredRows) -> None:
        self._stored = stored
        self._measured: dict[UUID, datetime] = {}

    async def add_missing(self) -> None:
        begins: dict[UUID, datetime] = {}
        for application_id, resource in self._stored.resources():
            if not resource.is_purged and application_id not in self._measured:
                begins[application_id] = min(begins.get(application_id, resource.begin), resource.begin)
        self._measured |= begins

    async def lock_due(self, measured_before: datetime, measured_after: datetime, limit: int) -> Sequence[StorageMeter]:
        due = sorted((at, id) for id, at in self._measured.items() if at <= measured_before or at > measured_after)[:limit]
        found = [(at, await self._stored.applications.get_any(id)) for at, id in due]
        return [StorageMeter(each.id, str(each.name), each.user_id, at) for at, each in found]

    async def list_stored(self, meters: Collection[StorageMeter]) -> Mapping[UUID, Sequence[StoredResource]]:
        measured = {each.application_id: each.measured_until for each in meters}
        found: dict[UUID, list[StoredResource]] = defaultdict(list)
        for application_id, resource in self._stored.resources():
            since = measured.get(application_id)
            if since is not None and (not resource.is_purged or (resource.end is not None and resource.end > since)):
                found[application_id].append(replace(resource))
        return found

    async def save(self, meters: Collection[StorageMeter]) -> None:
        self._measured |= {each.application_id: each.measured_until for each in meters}

    async def delete(self, application_ids: Collection[UUID]) -> None:
        for each in application_ids:
            self._measured.pop(each, None)


class MemoryStorageUse:
    def __init__(self, stored: StoredRows) -> None:
        self._stored = stored

    async def of_account(self, user_id: UUID) -> StorageAmounts:
        return self._sum(self._stored.applications.ids_of(user_id))

    async def of_application(self, application_id: UUID) -> StorageAmounts:
        return self._sum({application_id})

    def _sum(self, ids: set[UUID]) -> StorageAmounts:
        services = [each for each in self._stored.services.rows.values() if each.is_provisioned and each.state is not ServiceState.PURGED]
        volumes = [each for each in self._stored.volumes.rows.values() if each.state is not VolumeState.PURGED]
        backups = [each for each in self._stored.backups.rows.values() if each.state is not BackupState.FAILED and each.application_id in ids]
        snapshots = [each for each in self._stored.snapshots.rows.values() if each.state is not SnapshotState.FAILED and each.application_id in ids]
        sizes = [each.size_mib * MIB if each.used_bytes is None else each.used_bytes for each in snapshots]
        total = StorageAmounts(backups=len(backups) + len(snapshots), backups_mib=(sum(each.stored_bytes for each in backups) + sum(sizes)) // MIB)
        for service in services:
            total += StorageAmounts.of_service(service) if service.application_id in ids else StorageAmounts()
        for volume in volumes:
            total += StorageAmounts(volumes=1, volumes_mib=volume.claimed_mib) if volume.application_id in ids else StorageAmounts()
        return total
