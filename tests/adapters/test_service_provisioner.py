"""The contract of `ServiceProvisioner`, in memory and on PostgreSQL; what one tenant cannot do to another, and a server that is killed."""

import signal
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from functions.deploy.domain.service_plans import SMALL
from functions.deploy.ports import ServiceProvisioner, ServiceServerUnavailable
from knative.machine import processes
from knative.machine.services_postgres import ServicesPostgres
from tests.adapters.services_server import check_contract, connect, provisioner_on, services_postgres
from tests.memory.deploy_data_services import MemoryServiceServer

__all__ = ["services_postgres"]
PASSWORD = "f" * 48


def new_database() -> str:
    return f"s{uuid4().hex[:16]}"


@pytest.fixture(params=["memory", "postgres"])
def provisioner(request: pytest.FixtureRequest) -> ServiceProvisioner:
    return MemoryServiceServer() if request.param == "memory" else provisioner_on(request.getfixturevalue("services_postgres"))


async def created(provisioner: ServiceProvisioner, database: str, generation: int = 1) -> str:
    """Return the URL of a login."""
    await provisioner.create(database, SMALL)
    return await provisioner.add_login(database, f"{database}_{generation}", PASSWORD, SMALL)


async def test_every_step_may_be_repeated(provisioner: ServiceProvisioner) -> None:
    await check_contract(provisioner, new_database(), SMALL, "postgresql")


async def test_a_tenant_uses_its_database_as_its_owner(services_postgres: ServicesPostgres) -> None:
    provisioner, database = provisioner_on(services_postgres), new_database()
    with connect(await created(provisioner, database)) as first:
        first.execute("CREATE TABLE notes (id serial PRIMARY KEY, text text)")
        first.execute("CREATE EXTENSION pg_trgm")
        first.execute("CREATE SCHEMA reports")
        first.execute("INSERT INTO notes (text) VALUES ('kept')")
        usage = await provisioner.usage(database)
        assert usage.connections == 1 and usage.size_bytes > 1_000_000
    with connect(await created(provisioner, database, 2)) as second:  # the next credentials own the same
        second.execute("ALTER TABLE notes ADD COLUMN at timestamptz")
    await provisioner.drop_login(database, f"{database}_1")
    with connect(await created(provisioner, database, 2)) as second:
        assert second.execute("SELECT text FROM notes").fetchall() == [("kept",)]


async def test_what_a_login_made_as_itself_stays(services_postgres: ServicesPostgres) -> None:
    provisioner, database = provisioner_on(services_postgres), new_database()
    with connect(await created(provisioner, database)) as session:
        session.execute("SET ROLE NONE")
        session.execute("CREATE SCHEMA own")
        session.execute("CREATE TABLE own.kept AS SELECT 1 AS number")
        await provisioner.drop_login(database, f"{database}_1")
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    with connect(await created(provisioner, database, 2)) as second:
        assert second.execute("SELECT number FROM own.kept").fetchall() == [(1,)]


async def test_a_tenant_reaches_no_other_database_and_no_power_of_the_server(services_postgres: ServicesPostgres) -> None:
    provisioner, database, other = provisioner_on(services_postgres), new_database(), new_database()
    url = await created(provisioner, database)
    await created(provisioner, other)
    for name in (other, "postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            connect(f"{url.rpartition('/')[0]}/{name}")
    with connect(url) as session:
        for statement in (
            f"SET ROLE {other}",
            "SET ROLE provisioner",
            f"ALTER DATABASE {database} CONNECTION LIMIT 100",
            f"ALTER ROLE {database}_1 CONNECTION LIMIT 100",
            f"DROP DATABASE {other}",
            "CREATE DATABASE mine",
            "CREATE ROLE mine",
            "SET temp_file_limit = -1",
            "COPY (SELECT 1) TO PROGRAM 'id'",
            "SELECT pg_read_file('/etc/passwd')",
            "SELECT lo_import('/etc/passwd')",
            "CREATE EXTENSION dblink",
            "CREATE EXTENSION file_fdw",
            "ALTER SYSTEM SET shared_buffers = '4GB'",
        ):
            with pytest.raises((errors.InsufficientPrivilege, errors.InvalidGrantOperation, errors.InvalidParameterValue)):
                session.execute(statement)  # type: ignore[call-overload]
        others = session.execute("SELECT query FROM pg_stat_activity WHERE usename <> session_user").fetchall()
        assert {query for (query,) in others} <= {"<insufficient privilege>", "", None}


async def test_connections_and_statements_have_limits(services_postgres: ServicesPostgres) -> None:
    url = await created(provisioner_on(services_postgres), new_database())
    sessions = [connect(url) for _ in range(SMALL.max_connections)]
    try:
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            connect(url)
        assert sessions[0].execute("SHOW statement_timeout").fetchone() == ("5min",)
        with pytest.raises(errors.ConfigurationLimitExceeded, match="temp_file_limit"):
            sessions[0].execute("SELECT g, repeat('x', 1000) AS r FROM generate_series(1, 900000) AS g ORDER BY r, g DESC LIMIT 1 OFFSET 800000")
    finally:
        for each in sessions:
            each.close()


async def test_what_was_acknowledged_survives_a_killed_server(services_postgres: ServicesPostgres) -> None:
    provisioner, database = provisioner_on(services_postgres), new_database()
    url = await created(provisioner, database)
    acknowledged = 0
    with connect(url) as session:
        session.execute("CREATE TABLE numbers (number integer PRIMARY KEY)")
        process = processes.find_running(services_postgres.home, services_postgres.name)
        assert process is not None
        with pytest.raises(psycopg.OperationalError):
            while True:
                session.execute("INSERT INTO numbers VALUES (%s)", (acknowledged + 1,))
                acknowledged += 1
                if acknowledged == 100:
                    for each in (process, *process.children()):
                        each.send_signal(signal.SIGKILL)
    with pytest.raises(ServiceServerUnavailable):
        await provisioner.usage(database)
    services_postgres.start()
    with connect(url) as session:
        row = session.execute("SELECT count(*), max(number) FROM numbers").fetchone()
    assert row is not None and row[0] == row[1] >= acknowledged
