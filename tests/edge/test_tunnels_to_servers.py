"""Tunnels to a real PostgreSQL and a real Redis, with psql, redis-cli and drivers as clients, which are also killed."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from cli.commands.service_tunnels import client_of, url_of
from functions.deploy.domain.service_plans import SMALL, SMALL_REDIS
from knative.machine.services_postgres import ServicesPostgres
from tests.adapters.services_server import provisioner_on, services_postgres
from tests.edge.tunnel_server import TunnelServer, tunnel_server, until
from tests.knative.redis_services.conftest import Servers, servers
from tests.waiting import wait_limit

__all__ = ["servers", "services_postgres"]
ROWS = 400_000


@pytest.fixture
async def server() -> AsyncIterator[TunnelServer]:
    async with tunnel_server() as opened:
        yield opened


@pytest.fixture
async def database(services_postgres: ServicesPostgres) -> str:
    """The URL of a new database on the server."""
    provisioner = provisioner_on(services_postgres)
    name = f"stunnel{os.urandom(4).hex()}"
    await provisioner.create(name, SMALL)
    return await provisioner.add_login(name, f"{name}_1", "secret-of-the-application", SMALL)


def grant_of(url: str, kind: str) -> dict[str, str]:
    parts = urlsplit(url)
    return {"kind": kind, "user": str(parts.username), "password": str(parts.password), "database": parts.path.removeprefix("/")}


async def run(words: list[str], variables: dict[str, str], stdin: Path | None = None) -> tuple[int, bytes, bytes]:
    with (stdin or Path(os.devnull)).open("rb") as source:
        process = await asyncio.create_subprocess_exec(*words, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=variables)
        out, err = await process.communicate()
    return process.returncode or 0, out, err


async def test_psql_copies_much_in_and_out(server: TunnelServer, database: str, tmp_path: Path) -> None:
    rows = tmp_path / "rows.tsv"
    rows.write_text("".join(f"{number}\t{sha256(str(number).encode()).hexdigest()}\n" for number in range(ROWS)))
    async with server.tunnel(urlsplit(database).port or 0) as tunnel:
        options, variables = client_of("postgres", grant_of(database, "postgres"), tunnel.port)
        psql = ["psql", "-X", "-v", "ON_ERROR_STOP=1", *options]
        create = "CREATE TABLE big (n int, hash text)"
        copied = await run([*psql, "-c", create, "-c", "COPY big FROM stdin"], dict(variables), rows)
        assert copied == (0, f"CREATE TABLE\nCOPY {ROWS}\n".encode(), b"")
        code, out, err = await run([*psql, "-c", "COPY (SELECT * FROM big ORDER BY n) TO stdout"], dict(variables))
        assert (code, err) == (0, b"") and sha256(out).digest() == sha256(rows.read_bytes()).digest()
        name = await run([*psql, "-Atc", "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()"], dict(variables))
        assert name == (0, b"capsule services shell\n", b"")
    assert server.notes == []


async def test_a_statement_is_cancelled_and_a_killed_client_releases_its_locks(server: TunnelServer, database: str) -> None:
    async with server.tunnel(urlsplit(database).port or 0) as tunnel:
        grant = grant_of(database, "postgres")
        options, variables = client_of("postgres", grant, tunnel.port)
        url = url_of(grant, f"127.0.0.1:{tunnel.port}", with_password=True)
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as other:
            await other.execute("CREATE TABLE locked (n int)")
            client = await asyncio.create_subprocess_exec(
                *("psql", "-X", *options, "-c", "BEGIN; LOCK TABLE locked; SELECT pg_sleep(60)"), env=dict(variables), stdout=subprocess.DEVNULL
            )
            await _until_locked(other)
            client.send_signal(signal.SIGINT)  # psql sends a cancel request through a second connection
            assert await asyncio.wait_for(client.wait(), wait_limit(10)) == 1
            killed = await asyncio.create_subprocess_exec(
                *("psql", "-X", *options), env=dict(variables), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
            )
            assert killed.stdin is not None
            killed.stdin.write(b"BEGIN; LOCK TABLE locked;\n")
            await killed.stdin.drain()
            await _until_locked(other)
            killed.kill()
            await killed.wait()
            async with asyncio.timeout(wait_limit(10)):
                await other.execute("ALTER TABLE locked ADD COLUMN m int")  # it waits for the lock
    await until(lambda: server.open_connections == 0)


async def _until_locked(connection: psycopg.AsyncConnection) -> None:
    query = (
        "SELECT count(*) FROM pg_locks JOIN pg_class ON relation = pg_class.oid WHERE relname = 'locked' AND mode = 'AccessExclusiveLock' AND granted"
    )
    async with asyncio.timeout(wait_limit(10)):
        while True:
            row = await (await connection.execute(query)).fetchone()
            if row and row[0]:
                return
            await asyncio.sleep(0.05)


async def test_redis_cli_pipelines_and_many_clients(server: TunnelServer, servers: Servers) -> None:
    name = f"s{os.urandom(8).hex()}"
    await servers.provisioner.create(name, SMALL_REDIS)
    redis_url = await servers.provisioner.add_login(name, f"{name}_1", "secret-of-the-application", SMALL_REDIS)
    async with server.tunnel(servers.port) as tunnel:
        grant = grant_of(redis_url, "redis")
        options, variables = client_of("redis", grant, tunnel.port)
        assert await run(["redis-cli", *options, "SET", "greeting", "hello"], dict(variables)) == (0, b"OK\n", b"")
        client = servers.client(url_of(grant | {"database": "0"}, f"127.0.0.1:{tunnel.port}", with_password=True), max_connections=30)
        value = "x" * 200_000
        await asyncio.gather(*(client.set(f"key-{number}", value) for number in range(30)))
        assert await client.dbsize() == 31 and await client.get("key-29") == value
        blocked = asyncio.ensure_future(client.blpop(["nothing"], timeout=30))
        await until(lambda: server.open_connections > 0)
        server.sessions.ended.add(server.deploy.session_id)
        with pytest.raises(RedisConnectionError):
            await asyncio.wait_for(blocked, wait_limit(10))
        await client.aclose()
        await until(lambda: server.open_connections == 0)
    assert await Redis.from_url(redis_url, decode_responses=True).get("greeting") == "hello"
