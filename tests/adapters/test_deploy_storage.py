"""The contracts of `StorageMeters` and `StorageUse`, on memory and on PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.deploy.adapters.postgres_data_services import PostgresDataServices
from functions.deploy.adapters.postgres_service_backups import PostgresServiceBackups
from functions.deploy.adapters.postgres_storage_meters import PostgresStorageMeters
from functions.deploy.adapters.postgres_storage_use import PostgresStorageUse
from functions.deploy.adapters.postgres_volumes import PostgresVolumes, PostgresVolumeSnapshots
from functions.deploy.domain.application import Application
from functions.deploy.domain.data_service import GRACE, DataService
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.service_backup import BackupTrigger, ServiceBackup
from functions.deploy.domain.service_plans import ServiceKind
from functions.deploy.domain.storage_amounts import StorageAmounts
from functions.deploy.domain.storage_metering import MIB, StorageKind, StorageMeter, StoredResource
from functions.deploy.domain.volume import Volume
from functions.deploy.domain.volume_snapshot import VolumeSnapshot
from functions.deploy.ports import DataServices, ServiceBackups, StorageMeters, StorageUse, Volumes, VolumeSnapshots
from functions.runtime.storage.database import Database
from tests.adapters.deploy_stores import NOW, Stores, add_application, in_memory, on_postgres, url
from tests.memory.deploy_backups import MemoryServiceBackups
from tests.memory.deploy_data_services import MemoryDataServices
from tests.memory.deploy_storage_meters import MemoryStorageMeters, MemoryStorageUse, StoredRows
from tests.memory.deploy_volumes import MemoryVolumes, MemoryVolumeSnapshots

__all__ = ["url"]
HOUR = timedelta(hours=1)


@dataclass
class World:
    stores: Stores
    services: DataServices
    backups: ServiceBackups
    volumes: Volumes
    snapshots: VolumeSnapshots
    meters: StorageMeters
    use: StorageUse

    async def service(self, application: Application, kind: ServiceKind, name: str, plan: str = "small") -> DataService:
        service, _ = DataService.request(application, name, kind, plan, lambda text: f"sealed:{text}", NOW)
        service.complete("sealed:url", application.user_id, NOW)
        await self.services.add(service)
        return service

    async def volume(self, application: Application, size_mib: int) -> Volume:
        volume, _ = Volume.request(application, "uploads", size_mib, NOW)
        volume.complete(application.user_id, NOW + HOUR)
        await self.volumes.add(volume)
        return volume

    async def snapshot(self, volume: Volume, used_bytes: int | None) -> None:
        volume.used_bytes = used_bytes
        snapshot, _ = VolumeSnapshot.request(volume, NOW)
        snapshot.complete(volume, uuid4(), NOW)
        await self.snapshots.save(snapshot)

    async def backup(self, service: DataService, stored_mib: int) -> ServiceBackup:
        backup, _ = ServiceBackup.request(service, BackupTrigger.MANUAL, uuid4(), NOW)
        await self.backups.add(backup)
        backup.complete(service.name, uuid4(), 1, stored_mib * MIB, NOW)
        await self.backups.save(backup)
        return backup

    async def meter(self, application_id: UUID, *between: Any) -> StorageMeter | None:
        """`between`: what `lock_due` has; default: whatever was measured."""
        found = await self.meters.lock_due(*(between or (NOW + 999 * HOUR, NOW + 999 * HOUR)), 1000)
        return next((each for each in found if each.application_id == application_id), None)


@pytest.fixture(params=["memory", "postgres"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "memory":
        stores, services = in_memory(), MemoryDataServices()
        backups, volumes, snapshots = MemoryServiceBackups(services), MemoryVolumes(), MemoryVolumeSnapshots()
        rows = StoredRows(stores.applications, services, backups, volumes, snapshots)  # type: ignore[arg-type]
        yield World(stores, services, backups, volumes, snapshots, MemoryStorageMeters(rows), MemoryStorageUse(rows))
        return
    database = Database(request.getfixturevalue("url"))
    adapters = (PostgresDataServices, PostgresServiceBackups, PostgresVolumes, PostgresVolumeSnapshots, PostgresStorageMeters, PostgresStorageUse)
    yield World(on_postgres(database), *(adapter(database) for adapter in adapters))  # type: ignore[arg-type]
    await database.close()


async def test_turns_reach_every_volume(world: World) -> None:
    applications = [await add_application(world.stores) for _ in range(3)]
    async with world.stores.transaction():
        own = {(await world.volume(application, 64)).id for application in applications}
    async with world.stores.transaction():
        every = {each.id for each in await world.volumes.list_stored(1000, 7)}
        turns = [[each.id for each in await world.volumes.list_stored(2, turn)] for turn in range(100, 100 + -(-len(every) // 2))]
    assert own <= every == {each for turn in turns for each in turn}
    assert all(0 < len(turn) <= 2 for turn in turns)


async def test_everything_that_is_stored_is_listed_with_its_size_and_time(world: World) -> None:
    application, other = await add_application(world.stores), await add_application(world.stores)
    async with world.stores.transaction():
        main = await world.service(application, ServiceKind.POSTGRES, "main")
        await world.service(application, ServiceKind.REDIS, "cache", "standard")
        external, _ = DataService.add_external(application, "elsewhere", "https://example.com", lambda text: f"sealed:{text}", NOW)
        await world.services.add(external)
        unfinished, _ = DataService.request(application, "new", ServiceKind.POSTGRES, "small", lambda text: f"sealed:{text}", NOW)
        await world.services.add(unfinished)
        volume = await world.volume(application, 700)
        await world.snapshot(volume, 3 * MIB)
        await world.snapshot(volume, None)
        await world.backup(main, 5)
        failed, _ = ServiceBackup.request(main, BackupTrigger.MANUAL, uuid4(), NOW)
        await world.backups.add(failed)
        failed.fail("main", uuid4(), "no", NOW)
        await world.backups.save(failed)
        await world.volume(other, 64)
        await world.meters.add_missing()
        await world.meters.add_missing()
        meter = await world.meter(application.id)
        assert meter == StorageMeter(application.id, str(application.name), application.user_id, NOW), "from its oldest resource on"
        stored = (await world.meters.list_stored([meter]))[application.id]
    assert sorted(stored, key=lambda each: (each.kind, each.size_bytes)) == [
        StoredResource(StorageKind.BACKUP, 3 * MIB, NOW),
        StoredResource(StorageKind.BACKUP, 5 * MIB, NOW),
        StoredResource(StorageKind.BACKUP, 700 * MIB, NOW),
        StoredResource(StorageKind.DATABASE, 1024 * MIB, NOW),
        StoredResource(StorageKind.REDIS, 256 * MIB, NOW),
        StoredResource(StorageKind.VOLUME, 700 * MIB, NOW + HOUR),
    ]


async def test_meters_are_due_by_time_and_belong_to_the_owner_of_now(world: World) -> None:
    application, owner = await add_application(world.stores), uuid4()
    async with world.stores.transaction():
        await world.volume(application, 64)
        await world.meters.add_missing()
        meter = await world.meter(application.id)
        assert meter is not None
        meter.measured_until = NOW + 5 * HOUR
        await world.meters.save([meter])
        assert await world.meter(application.id, NOW + 5 * HOUR, NOW + 6 * HOUR) == meter
        assert await world.meter(application.id, NOW + 4 * HOUR, NOW + 6 * HOUR) is None
        assert await world.meter(application.id, NOW + 2 * HOUR, NOW + 4 * HOUR) == meter, "it is ahead: the clock was set back"
        await world.stores.quotas.grant(Quota.default(owner, NOW))
        former, application.user_id = application.user_id, owner
        await world.stores.applications.transfer(application, former)
        moved = await world.meter(application.id)
        assert moved is not None and (moved.user_id, moved.measured_until) == (owner, NOW + 5 * HOUR)
        await world.meters.delete([application.id])
        assert await world.meter(application.id) is None


async def test_what_was_deleted_is_listed_until_it_is_purged_and_measured(world: World) -> None:
    application = await add_application(world.stores)
    async with world.stores.transaction():
        volume = await world.volume(application, 64)
        await world.snapshot(volume, MIB)
        await world.meters.add_missing()
        meter = await world.meter(application.id)
        assert meter is not None
        volume.delete(application.user_id, NOW + 2 * HOUR)
        await world.volumes.save(volume)
        found = (await world.meters.list_stored([meter]))[application.id]
        assert [(each.end, each.is_purged) for each in found] == [(NOW + 2 * HOUR, False)] * 2, "a snapshot ends with its volume"
        volume.begin_purge(NOW + 2 * HOUR + GRACE)
        volume.complete_purge()
        await world.volumes.save(volume)
        found = (await world.meters.list_stored([meter]))[application.id]
        assert [each.is_purged for each in found] == [True, True], "not measured yet"
        meter.measured_until = NOW + 2 * HOUR
        assert application.id not in await world.meters.list_stored([meter])
        await world.meters.delete([application.id])
        await world.meters.add_missing()
        assert await world.meter(application.id) is None, "nothing is left of it"


async def test_what_an_account_uses_is_summed_over_its_applications(world: World) -> None:
    first = await add_application(world.stores)
    second = await add_application(world.stores, first.user_id)
    stranger = await add_application(world.stores)
    async with world.stores.transaction():
        assert await world.use.of_account(first.user_id) == StorageAmounts()
        main = await world.service(first, ServiceKind.POSTGRES, "main")
        deleted = await world.service(second, ServiceKind.REDIS, "cache")
        deleted.delete(first.user_id, NOW)
        await world.services.save(deleted)
        await world.backup(main, 5)
        await world.snapshot(await world.volume(second, 100), 2 * MIB)
        await world.volume(stranger, 999)
        assert await world.use.of_account(first.user_id) == StorageAmounts(
            data_services=2, data_services_mib=1024 + 512, volumes=1, volumes_mib=100, backups=2, backups_mib=7
        )
        assert await world.use.of_application(first.id) == StorageAmounts(data_services=1, data_services_mib=1024, backups=1, backups_mib=5)
