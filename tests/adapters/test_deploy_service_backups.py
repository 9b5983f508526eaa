"""The contract of `ServiceBackups`, on memory and on PostgreSQL: backups, policies and restores of data services."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import pytest

from functions.deploy.adapters.postgres_data_services import PostgresDataServices
from functions.deploy.adapters.postgres_service_backups import PostgresServiceBackups
from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.service_backup import BackupPolicy, BackupTrigger, ServiceBackup, ServiceRestore
from functions.deploy.domain.service_backup_rejections import BackupInProgress, BackupNotFound
from functions.deploy.ports import DataServices, ServiceBackups
from functions.runtime.storage.database import Database
from tests.adapters.deploy_stores import NOW, Stores, add_application, in_memory, on_postgres, url
from tests.adapters.test_deploy_data_services import ready
from tests.memory.deploy_backups import MemoryServiceBackups
from tests.memory.deploy_data_services import MemoryDataServices

__all__ = ["url"]
MINUTE = timedelta(minutes=1)


@dataclass
class World:
    stores: Stores
    services: DataServices
    backups: ServiceBackups

    async def service(self) -> DataService:
        service = ready(await add_application(self.stores))
        async with self.stores.transaction():
            await self.services.add(service)
        return service

    async def backup(self, service: DataService, *, is_complete: bool = True) -> ServiceBackup:
        backup, _ = ServiceBackup.request(service, BackupTrigger.MANUAL, uuid4(), NOW)
        async with self.stores.transaction():
            await self.backups.add(backup)
            if is_complete:
                backup.complete(service.name, uuid4(), 5, 78, NOW)
                await self.backups.save(backup)
        return backup


@pytest.fixture(params=["memory", "postgres"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "memory":
        services = MemoryDataServices()
        yield World(in_memory(), services, MemoryServiceBackups(services))
        return
    database = Database(request.getfixturevalue("url"))
    yield World(on_postgres(database), PostgresDataServices(database), PostgresServiceBackups(database))
    await database.close()


async def test_a_backup_is_read_as_it_was_stored(world: World) -> None:
    service = await world.service()
    backup = await world.backup(service)
    async with world.stores.transaction():
        assert await world.backups.get(service.id, backup.id) == backup == await world.backups.lock(backup.id)
        assert await world.backups.list_of(service.id) == [backup]
        with pytest.raises(BackupNotFound):
            await world.backups.get(uuid4(), backup.id)
        await world.backups.delete(backup.id)
        assert await world.backups.lock(backup.id) is None


async def test_one_backup_of_a_service_runs_at_a_time(world: World) -> None:
    service = await world.service()
    running = await world.backup(service, is_complete=False)
    with pytest.raises(BackupInProgress):
        await world.backup(service)
    async with world.stores.transaction():
        assert running in await world.backups.list_unfinished(NOW + MINUTE, 1000)
        assert running not in await world.backups.list_unfinished(NOW - MINUTE, 1000)


async def test_a_policy_is_due_at_its_time(world: World) -> None:
    service = await world.service()
    async with world.stores.transaction():
        assert service.id in [each.id for each in await world.backups.list_without_policy(1000)]
        policy = BackupPolicy.parse(service, "0 3 * * *", 7, 30, NOW)
        await world.backups.save_policy(policy)
        assert await world.backups.find_policy(service.id) == policy
        assert service.id not in [each.id for each in await world.backups.list_without_policy(1000)]
        assert policy.next_at is not None
        assert policy in await world.backups.lock_due_policies(policy.next_at, 1000)
        assert policy not in await world.backups.lock_due_policies(policy.next_at - MINUTE, 1000)
        policy.schedule, policy.next_at = None, None
        await world.backups.save_policy(policy)
        assert policy not in await world.backups.lock_due_policies(NOW + timedelta(days=400), 1000)


async def test_a_restore_waits_for_its_safety_copy_and_one_runs_at_a_time(world: World) -> None:
    service = await world.service()
    backup = await world.backup(service)
    safety = await world.backup(service, is_complete=False)
    restore = ServiceRestore.request(backup, service, safety, NOW)
    async with world.stores.transaction():
        await world.backups.add_restore(restore)
    with pytest.raises(BackupInProgress):
        async with world.stores.transaction():
            await world.backups.add_restore(ServiceRestore.request(backup, service, safety, NOW))
    async with world.stores.transaction():
        assert await world.backups.lock_restore_after(safety.id) == restore
        assert restore in await world.backups.list_unfinished_restores(NOW + MINUTE, 1000)
        restore.begin(uuid4())
        restore.complete(service.name, uuid4(), NOW)
        await world.backups.save_restore(restore)
        assert await world.backups.lock_restore_after(safety.id) is None
        assert await world.backups.lock_restore(restore.id) == restore
        assert await world.backups.list_restores(service.id) == [restore]


async def test_all_rows_of_a_service_are_deleted(world: World) -> None:
    service = await world.service()
    backup = await world.backup(service)
    async with world.stores.transaction():
        await world.backups.save_policy(BackupPolicy.default(service, NOW))
        await world.backups.add_restore(ServiceRestore.request(backup, service, None, NOW))
        await world.backups.delete_all(service.id)
        assert not await world.backups.list_of(service.id)
        assert not await world.backups.list_restores(service.id)
        assert await world.backups.find_policy(service.id) is None
