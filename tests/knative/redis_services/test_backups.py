"""Backups of Redis services: stored, verified by a restored copy, restored into the same and another service, and interrupted."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from redis import exceptions

from functions.deploy.adapters.service_backup_store import StoredServiceBackups
from functions.deploy.domain.data_service import DataService, ServiceState
from functions.deploy.domain.service_plans import SMALL_REDIS, ServiceKind
from functions.kernel import Permanent, new_id
from functions.runtime.config.settings import Settings
from functions.wire.backups.errors import BackupDamaged
from functions.wire.backups.keys import BackupKey
from tests.knative.redis_services.conftest import Servers

PASSWORD = "f" * 48


class Service:
    def __init__(self, servers: Servers, folder: Path, name: str) -> None:
        self.servers = servers
        self.row = DataService(new_id(), uuid4(), name, ServiceKind.REDIS, SMALL_REDIS.name, datetime.now(UTC), ServiceState.READY)
        self.url = ""

    async def create(self) -> None:
        await self.servers.provisioner.create(self.row.database, SMALL_REDIS)
        self.url = await self.servers.provisioner.add_login(self.row.database, self.row.login(1), PASSWORD, SMALL_REDIS)


@pytest.fixture
async def service(servers: Servers, tmp_path: Path) -> Service:
    found = Service(servers, tmp_path, "cache")
    await found.create()
    async with servers.client(found.url) as client:
        await client.mset({f"key {number}": "x" * 1000 for number in range(2000)})
        await client.rpush("queue", "first", "second")
        await client.set("for a day", "yes", ex=86400)
        await client.set("gone soon", "yes", px=1)
    async with servers.client(f"{found.url.removesuffix('/0')}/3") as client:
        await client.hset("hash", "field", "value")
    return found


@pytest.fixture
def store(servers: Servers, tmp_path: Path) -> StoredServiceBackups:
    settings = {"CAPSULE_BACKUP_STORE": tmp_path.as_uri(), "CAPSULE_BACKUP_KEY": BackupKey.generate().text}
    return StoredServiceBackups(
        Settings({"CAPSULE_SERVICES_REDIS_URL": f"redis://provisioner:provisioner-password@127.0.0.1:{servers.port}", **settings})
    )


async def test_a_backup_is_verified_and_restored_into_the_same_and_another_service(
    servers: Servers, service: Service, store: StoredServiceBackups, tmp_path: Path
) -> None:
    servers.front.idle_seconds = servers.front.server(service.row.database)._idle_seconds = 0.1
    backup_id, restore_id = new_id(), new_id()
    stored = await store.create(service.row, backup_id)
    assert stored.size_bytes > 2000 * 10
    assert await store.verify(service.row, backup_id) in (2003, 2004), "a key that has expired may still be in the file"

    async with servers.client(service.url) as client:
        await client.flushall()
        await client.set("later", "1")
        await store.restore(service.row, backup_id, service.row, restore_id)
        with pytest.raises(exceptions.ConnectionError):
            await client.ping()
        assert await client.get("later") is None and await client.get("key 7") == "x" * 1000
        assert await client.lrange("queue", 0, -1) == ["first", "second"]
        assert 86000 < await client.ttl("for a day") <= 86400
        await client.set("written since", "1")
    await store.restore(service.row, backup_id, service.row, restore_id)  # the same message again
    other = Service(servers, tmp_path, "other")
    await other.create()
    await store.restore(service.row, backup_id, other.row, new_id())
    await asyncio.sleep(0.3)  # the servers stop, and start with what their files have
    async with servers.client(service.url) as client, servers.client(f"{other.url.removesuffix('/0')}/3") as copy:
        assert await client.get("written since") == "1"
        assert await copy.hget("hash", "field") == "value"
    assert folders(servers) == {service.row.database, other.row.database}, "the copy is deleted"


def damage(folder: Path) -> None:
    (dump,) = folder.glob("services/*/*/dump-*")
    content = bytearray(dump.read_bytes())
    content[-10] ^= 1
    dump.write_bytes(content)


def folders(servers: Servers) -> set[str]:
    assert not [*servers.folder.rglob("snapshot.rdb"), *servers.folder.rglob("staged.rdb")]
    return {path.name for path in servers.folder.iterdir() if path.is_dir()}


async def test_a_damaged_backup_and_one_that_lacks_keys_are_recognized(service: Service, store: StoredServiceBackups, tmp_path: Path) -> None:
    backup_id = new_id()
    await store.create(service.row, backup_id)
    chunks = store._store()
    manifest = chunks.get(f"services/{service.row.id}", str(backup_id))
    kind, part = store._kind(service.row), manifest.metadata["part"]
    with pytest.raises(Permanent, match=r"the copy has \d+ keys, the backup was made of 1"):
        await asyncio.to_thread(kind.verify, service.row, backup_id, lambda: chunks.read(manifest, part), {"keys": 1})
    damage(tmp_path)
    for attempt in (store.verify(service.row, backup_id), store.restore(service.row, backup_id, service.row, new_id())):
        with pytest.raises(BackupDamaged, match="dump"):
            await attempt
    async with service.servers.client(service.url) as client:
        assert await client.llen("queue") == 2


async def test_an_interrupted_restore_is_completed_by_the_next_start(servers: Servers, service: Service, store: StoredServiceBackups) -> None:
    backup_id = new_id()
    await store.create(service.row, backup_id)
    files = servers.front.server(service.row.database).files
    async with servers.client(service.url) as client:
        await client.set("later", "1")
    await servers.front.server(service.row.database).stop()
    original, files.snapshots.complete_restore = files.snapshots.complete_restore, lambda: None  # type: ignore[method-assign]
    await store.restore(service.row, backup_id, service.row, new_id())
    assert (files.folder / "restored").exists()
    files.snapshots.complete_restore = original  # type: ignore[method-assign]
    async with servers.client(service.url) as client:
        assert await client.get("later") is None and await client.llen("queue") == 2
    assert not (files.folder / "restored").exists() and not (files.folder / "former").exists()
