"""Dedicated PostgreSQL servers: created, used, stopped when idle, killed, changed, deleted; and what their tenant cannot do."""

import asyncio
import os
import signal
from typing import Any
from uuid import uuid4

import psutil
import psycopg
import pytest

from functions.deploy.adapters.service_provisioner import PostgresServiceProvisioner
from functions.deploy.domain.service_plans import LARGE, MEDIUM, SMALL, Plan
from functions.deploy.ports import ServiceServerRefused
from tests.adapters.services_server import check_contract
from tests.knative.postgres_services.conftest import Servers
from tests.proof import proof

PASSWORD = "f" * 48


def new_database() -> str:
    return f"s{uuid4().hex[:16]}"


async def created(servers: Servers, name: str, generation: int = 1, plan: Plan = MEDIUM) -> str:
    """Return the URL of a login."""
    await servers.provisioner.create(name, plan)
    return await servers.provisioner.add_login(name, f"{name}_{generation}", PASSWORD, plan)


async def value(connection: psycopg.AsyncConnection, query: str) -> Any:
    row = await (await connection.execute(query)).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return row[0]


async def reconnect(servers: Servers, url: str) -> psycopg.AsyncConnection:
    """As applications do after their server has died: a server that is ending may still accept a connection and close it."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await servers.connect(url)
            except psycopg.OperationalError:
                await asyncio.sleep(0.05)


async def until(condition: Any, seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)


async def test_every_step_may_be_repeated(servers: Servers) -> None:
    await check_contract(servers.provisioner, new_database(), MEDIUM, "postgresql", starts_on_demand=True)


async def test_a_database_is_created_used_stopped_when_idle_and_deleted(servers: Servers) -> None:
    name, provisioner = new_database(), servers.provisioner
    urls = [await created(servers, name) for _ in range(2)]
    assert urls == [f"postgresql://{name}_1:{PASSWORD}@127.0.0.1:{servers.pod_port}/{name}"] * 2
    async with await servers.connect(urls[0]) as session:
        await session.execute("CREATE TABLE notes (id int PRIMARY KEY); INSERT INTO notes SELECT generate_series(1, 1000)")
        await session.execute("CREATE EXTENSION pg_trgm")
        assert await value(session, "SHOW shared_buffers") == "256MB"
        assert await value(session, "SELECT current_user") == name
        await session.execute("SELECT pg_sleep(0.05), 'secret'")
        (slowest, *_) = await provisioner.slow_statements(name)
        assert slowest.max_ms >= 50 and "secret" not in slowest.text
        statistics = await provisioner.statistics(name)
        assert statistics.is_running and statistics.connections >= 1
        assert statistics.memory_bytes is not None and 10 << 20 < statistics.memory_bytes < 300 << 20

    server = servers.front.server(name)
    assert server.is_running
    servers.front.idle_seconds = server._idle_seconds = 0.1
    async with await servers.connect(urls[0]):
        pass
    await until(lambda: not server.is_running)
    assert not [each for each in psutil.process_iter() if _cwd(each) == str(server.files.data)]
    usage = await provisioner.usage(name)
    assert usage.size_bytes > 100_000 and usage.connections == 0
    assert not (await provisioner.statistics(name)).is_running and not server.is_running, "a look at it starts nothing"

    async with await servers.connect(urls[0]) as session:
        assert await value(session, "SELECT count(*) FROM notes") == 1000
    assert any("ready" in line for line in await provisioner.log(name))

    await created(servers, name, generation=2)
    for _ in range(2):
        await provisioner.drop_login(name, f"{name}_1")
    with pytest.raises(psycopg.OperationalError, match=r"not permitted|authentication failed"):
        await servers.connect(urls[0])
    for _ in range(2):
        await provisioner.delete(name)
    assert not server.files.folder.exists()
    with pytest.raises(ServiceServerRefused, match=f"no database server {name}"):
        await provisioner.add_login(name, f"{name}_1", PASSWORD, MEDIUM)


@proof("data-services")
async def test_what_was_acknowledged_survives_a_killed_server(servers: Servers) -> None:
    """Also one that a killed platform has left running: its lock file names it."""
    name = new_database()
    url = await created(servers, name)
    server = servers.front.server(name)
    async with await servers.connect(url) as session:
        await session.execute("CREATE TABLE notes (id int PRIMARY KEY)")
    acknowledged = 0
    for kill in (signal.SIGKILL, None):
        with pytest.raises(psycopg.OperationalError):
            async with await servers.connect(url) as session:
                for _ in range(200):
                    await session.execute("INSERT INTO notes VALUES (%s)", (acknowledged + 1,))
                    acknowledged += 1
                    if acknowledged % 100 == 50:
                        assert server.pid is not None
                        if kill is not None:
                            os.kill(server.pid, kill)
                        else:
                            os.kill(server.pid, signal.SIGQUIT)
        async with await reconnect(servers, url) as session:
            found = await value(session, "SELECT count(*) FROM notes")
        assert found in (acknowledged, acknowledged + 1), "at most one was committed without an answer"
        acknowledged = found
    # The platform forgets the server, as when it was killed itself.
    left = server.pid
    assert left is not None
    del servers.front._servers[name]
    async with await servers.connect(url) as session:
        assert await value(session, "SELECT count(*) FROM notes") == acknowledged
    assert servers.front.server(name).pid != left and not _is_alive(left)


@proof("data-services")
async def test_other_limits_take_effect_at_the_next_start(servers: Servers) -> None:
    name = new_database()
    url = await created(servers, name)
    async with await servers.connect(url) as session:
        await session.execute("CREATE TABLE notes (id int)")
        await servers.provisioner.set_limits(name, LARGE)
        with pytest.raises(psycopg.OperationalError):
            await session.execute("SELECT 1")
    async with await servers.connect(url) as session:
        assert await value(session, "SHOW shared_buffers") == "1GB"
        assert await value(session, "SELECT count(*) FROM notes") == 0


async def test_a_tenant_reaches_nothing_but_its_database(servers: Servers) -> None:
    name, stranger, small = new_database(), new_database(), new_database()
    url = await created(servers, name)
    shared = PostgresServiceProvisioner(servers.settings)
    await shared.create(small, SMALL)
    small_url = await shared.add_login(small, f"{small}_1", PASSWORD, SMALL)
    async with await servers.connect(small_url) as session:  # by the same port
        assert await value(session, "SHOW shared_buffers") == "32MB"
        assert await value(session, "SELECT current_database()") == small

    servers.front.server(name)
    await servers.front.server(name).stop()
    for user, password in ((f"{name}_control", "x"), (f"{name}_backup", "x"), ("postgres", "x"), (f"{stranger}_1", "x")):
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            await servers.connect(f"postgresql://{user}:{password}@127.0.0.1:{servers.pod_port}/{name}")
    assert not servers.front.server(name).is_running, "logins of the platform wake no server for an application"
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        await servers.connect(url.replace(PASSWORD, "wrong"))

    async with await servers.connect(url) as session:
        for statement in (
            "COPY (SELECT 1) TO PROGRAM 'id'",
            "SELECT pg_read_file('/etc/passwd')",
            "CREATE ROLE mine",
            "ALTER SYSTEM SET work_mem = '1GB'",
            "CREATE DATABASE mine",
            f"ALTER DATABASE {name} CONNECTION LIMIT 1000",
            "CREATE EXTENSION plpython3u",
            "SET temp_file_limit = -1",
            "SELECT rolpassword FROM pg_authid",
        ):
            with pytest.raises(psycopg.Error, match=r"permission denied|must be owner|not available|superuser|cannot"):
                await session.execute(statement)
        for database in ("postgres", "template1", "capsule_template"):
            with pytest.raises(psycopg.OperationalError, match="permission denied"):
                await servers.connect(f"{url.rpartition('/')[0]}/{database}")


@proof("data-services")
async def test_a_statement_is_cancelled_and_one_that_needs_too_much_memory_fails_alone(servers: Servers) -> None:
    url = await created(servers, new_database())
    async with await servers.connect(url) as session, await servers.connect(url) as other:
        psql = await asyncio.create_subprocess_exec("psql", url, "-c", "SELECT pg_sleep(60)", stderr=asyncio.subprocess.PIPE)
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        while await value(other, sessions) < 3:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)  # what a session runs is visible to its own login only
        psql.send_signal(signal.SIGINT)  # it sends a request to cancel, on a connection of its own
        assert b"canceling statement due to user request" in (await psql.communicate())[1]
        await session.execute("SET work_mem = '4GB'")
        with pytest.raises(psycopg.errors.OutOfMemory):
            many = "SELECT repeat(md5(g::text), 30) AS t FROM generate_series(1, 3000000) AS g"
            await session.execute(f"SELECT count(DISTINCT t) FROM ({many}) AS many")
        assert await value(other, "SELECT 1") == 1
        assert await value(session, "SELECT 1") == 1


async def test_what_is_no_startup_is_refused(servers: Servers) -> None:
    for sent, expected in ((b"GET / HTTP/1.1\r\n\r\n", b"08P01"), (b"\0\0\0\x08\0\x02\0\0", b"unsupported frontend protocol 2.0"), (b"", b"")):
        reader, writer = await asyncio.open_connection("127.0.0.1", servers.pod_port)
        writer.write(sent)
        writer.write_eof()
        assert expected in await reader.read()
        writer.close()


def _cwd(process: psutil.Process) -> str:
    try:
        return process.cwd()
    except psutil.Error:
        return ""


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
