"""Backups of databases on a real server: stored, verified, restored all or nothing, and what a tenant's dump cannot do."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from functions.deploy.adapters import postgres_backups
from functions.deploy.adapters.postgres_backups import PostgresBackups
from functions.deploy.adapters.service_backup_store import StoredServiceBackups
from functions.deploy.domain.data_service import DataService, ServiceState
from functions.deploy.domain.service_plans import SMALL, ServiceKind
from functions.deploy.ports import ServiceServerRefused, ServiceServerUnavailable
from functions.kernel import Permanent, new_id
from functions.runtime.config.settings import Settings
from functions.wire.backups import BackupDamaged, BackupKey
from knative.machine.services_postgres import ServicesPostgres
from tests.adapters.services_server import connect, provisioner_on, services_postgres

__all__ = ["services_postgres"]


class Service:
    """A database of an application, its login, and the store of its backups."""

    def __init__(self, server: ServicesPostgres, folder: Path) -> None:
        self.row = DataService(new_id(), uuid4(), "main", ServiceKind.POSTGRES, SMALL.name, datetime.now(UTC), ServiceState.READY)
        self.folder = folder
        settings = {
            "CAPSULE_SERVICES_POSTGRES_URL": server.provisioner_url,
            "CAPSULE_BACKUP_STORE": folder.as_uri(),
            "CAPSULE_BACKUP_KEY": BackupKey.generate().text,
        }
        self.store = StoredServiceBackups(Settings(settings))
        self.provisioner = provisioner_on(server)
        self.server = server
        self.url = ""

    async def create(self) -> None:
        await self.provisioner.create(self.row.database, SMALL)
        self.url = await self.provisioner.add_login(self.row.database, self.row.login(1), "secret", SMALL)

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        with connect(self.url) as connection:
            cursor = connection.execute(statement)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def names(self) -> set[str]:
        """Databases and roles of the service on the server."""
        with self.server.superuser() as connection:
            query = "SELECT datname FROM pg_database WHERE datname ~ %(own)s UNION SELECT rolname FROM pg_roles WHERE rolname ~ %(own)s"
            return {row[0].removeprefix(self.row.database) for row in connection.execute(query, {"own": f"^{self.row.database}"})}


def backups_in(folder: Path) -> set[str]:
    """Backups that have any part in the store."""
    return {path.parent.name for path in folder.glob("services/*/*/*")}


@pytest.fixture
async def service(services_postgres: ServicesPostgres, tmp_path: Path) -> Service:
    found = Service(services_postgres, tmp_path)
    await found.create()
    found.execute("CREATE EXTENSION pg_trgm; CREATE TABLE notes (id serial PRIMARY KEY, text text); INSERT INTO notes (text) VALUES ('a'), ('b')")
    return found


async def test_a_backup_is_verified_and_replaces_what_there_is_now(service: Service) -> None:
    backup_id = new_id()
    stored = await service.store.create(service.row, backup_id)
    assert stored.size_bytes > 0
    assert await service.store.verify(service.row, backup_id) == 2
    service.execute("DELETE FROM notes; CREATE TABLE later (id int)")
    with connect(service.url) as open_session:
        await service.store.restore(service.row, backup_id, service.row, new_id())
        with pytest.raises(psycopg.OperationalError):
            open_session.execute("SELECT 1")
    assert service.execute("SELECT text FROM notes ORDER BY id") == [("a",), ("b",)]
    assert service.execute("SELECT to_regclass('later')") == [(None,)]
    service.execute("INSERT INTO notes (text) VALUES ('c'); ALTER TABLE notes ADD COLUMN more int")
    service.execute("SELECT lo_creat(-1)")
    assert service.names() == {"", "_1"}, "nothing of the copies and of their logins is left"


async def test_a_restore_is_done_once(service: Service) -> None:
    backup_id, restore_id = new_id(), new_id()
    await service.store.create(service.row, backup_id)
    await service.store.restore(service.row, backup_id, service.row, restore_id)
    service.execute("INSERT INTO notes (text) VALUES ('written since')")
    await service.store.restore(service.row, backup_id, service.row, restore_id)
    assert len(service.execute("SELECT id FROM notes")) == 3


async def test_a_restore_into_another_service_leaves_the_first(service: Service, services_postgres: ServicesPostgres) -> None:
    backup_id = new_id()
    await service.store.create(service.row, backup_id)
    other = Service(services_postgres, service.folder)
    await other.create()
    await service.store.restore(service.row, backup_id, other.row, new_id())
    assert len(other.execute("SELECT id FROM notes")) == len(service.execute("SELECT id FROM notes")) == 2


async def test_a_damaged_backup_changes_nothing(service: Service) -> None:
    backup_id = new_id()
    service.execute("INSERT INTO notes (text) SELECT md5(random()::text) FROM generate_series(1, 50000)")
    await service.store.create(service.row, backup_id)
    (dump,) = service.folder.glob("services/*/*/dump-*")
    content = bytearray(dump.read_bytes())
    content[-10] ^= 1
    dump.write_bytes(content)
    for attempt in (service.store.verify(service.row, backup_id), service.store.restore(service.row, backup_id, service.row, new_id())):
        with pytest.raises(BackupDamaged, match="dump"):
            await attempt
    assert len(service.execute("SELECT id FROM notes")) == 50002
    assert service.names() - {"_r"} == {"", "_1"}


async def test_a_copy_that_lacks_rows_is_not_verified(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    backup_id = new_id()
    await service.store.create(service.row, backup_id)
    monkeypatch.setattr(postgres_backups.postgres_dumps, "count_rows", lambda *_: {"public.notes": 1})
    with pytest.raises(Permanent, match=r"the copy has 1 rows in public\.notes, the backup was made of 2"):
        await service.store.verify(service.row, backup_id)


async def test_a_server_that_is_killed_in_the_middle_leaves_no_backup(service: Service, tmp_path: Path) -> None:
    service.execute("INSERT INTO notes (text) SELECT repeat(md5(random()::text), 30) FROM generate_series(1, 60000)")
    task = asyncio.ensure_future(service.store.create(service.row, new_id()))
    for _ in range(500):
        with service.server.superuser() as connection:
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND query LIKE 'COPY%%'"
            if connection.execute(query, (service.row.database,)).fetchall():
                break
        await asyncio.sleep(0.005)
    with pytest.raises(ServiceServerUnavailable, match="pg_dump failed"):
        await task
    assert not backups_in(tmp_path)


@pytest.fixture
def superuser_table(services_postgres: ServicesPostgres) -> Iterator[None]:
    yield
    with services_postgres.superuser() as connection:
        connection.execute("DROP ROLE IF EXISTS taken_over")


async def test_what_is_in_a_dump_runs_with_the_rights_of_its_tenant(service: Service, superuser_table: None) -> None:
    """An index calls a function when it is restored. It cannot become the provisioner, whatever it resets."""
    service.execute(
        """
        CREATE FUNCTION take_over(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
            PERFORM set_config('role', 'none', false);
            EXECUTE 'CREATE ROLE taken_over SUPERUSER';
            RETURN $1;
        EXCEPTION WHEN insufficient_privilege THEN RETURN $1; END $$;
        CREATE INDEX ON notes (take_over(text))
        """
    )
    backup_id = new_id()
    await service.store.create(service.row, backup_id)
    await service.store.restore(service.row, backup_id, service.row, new_id())
    with service.server.superuser() as connection:
        assert connection.execute("SELECT FROM pg_roles WHERE rolname = 'taken_over'").fetchall() == []


async def test_without_a_store_the_error_names_the_setting(services_postgres: ServicesPostgres, service: Service) -> None:
    store = StoredServiceBackups(Settings({"CAPSULE_SERVICES_POSTGRES_URL": services_postgres.provisioner_url}))
    with pytest.raises(ServiceServerRefused, match="CAPSULE_BACKUP_STORE"):
        await store.create(service.row, new_id())
    await store.delete_all(service.row.id)


async def test_backups_are_deleted_one_by_one_and_with_their_service(service: Service, tmp_path: Path) -> None:
    first, second = new_id(), new_id()
    for each in (first, second):
        await service.store.create(service.row, each)
    await service.store.delete(service.row.id, first)
    assert backups_in(tmp_path) == {str(second)}
    await service.store.delete_all(service.row.id)
    assert not backups_in(tmp_path)


def test_what_an_interrupted_restore_left_goes_with_the_service(service: Service, services_postgres: ServicesPostgres) -> None:
    backups = PostgresBackups(services_postgres.provisioner_url)
    with backups._server() as connection:
        backups._create(connection, service.row.database, f"{service.row.database}_r")
    asyncio.run(service.provisioner.delete(service.row.database))
    assert service.names() == set()
