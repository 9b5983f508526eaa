"""A caller reads its own writes, whatever a replica does: behind, paused, stopped, promoted, or on the timeline of a lost primary."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from functions.runtime.storage.database import Connection
from functions.runtime.storage.database import Database as FunctionsDatabase
from functions.runtime.storage.failures import DatabaseUnavailable, ReplicaFailed
from functions.runtime.storage.replicas import BEHIND_SECONDS
from knative.machine import migrations, packages
from knative.machine.postgres import Database, PostgreSQL
from tests.pgbouncer import running_pgbouncer, transactions_of
from tests.proof import proof
from tests.runtime.harness import World, free_port, worlds
from tests.runtime.messages import deposit, request
from tests.servers import discard, fresh_home
from tests.standby import Standby, running_standby
from tests.waiting import wait_limit

pytestmark = proof("replicas")

WRITES = 150


@pytest.fixture(scope="module")
def primary() -> Iterator[PostgreSQL]:
    home = fresh_home()
    home.create()
    packages.install([packages.POSTGRES], print)
    server = PostgreSQL(home, durable=False)
    server.start()
    server.create_databases()
    yield server
    discard(home)


@pytest.fixture(scope="module")
def addresses(primary: PostgreSQL) -> Database:
    database = primary.database("auth")
    migrations.migrate(database.owner_url, "auth")
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("CREATE TABLE entries (note text PRIMARY KEY)")
    return database


@pytest.fixture(scope="module")
def follower(primary: PostgreSQL, addresses: Database) -> Iterator[Standby]:
    with running_standby(primary, free_port()) as running:
        yield running


@pytest.fixture
def standby(follower: Standby) -> Iterator[Standby]:
    yield follower
    if not follower.is_running:
        follower.start()
    follower.resume()


@pytest.fixture
async def database(addresses: Database, standby: Standby) -> AsyncIterator[FunctionsDatabase]:
    async with opened(addresses, standby.url(addresses.reader_url)) as database:
        yield database


@asynccontextmanager
async def opened(addresses: Database, replica: str, primary: Callable[[str], str] = str) -> AsyncIterator[FunctionsDatabase]:
    database = FunctionsDatabase(primary(addresses.functions_url), size=3, reader_url=primary(addresses.reader_url), replica_url=replica)
    try:
        yield database
    finally:
        await database.close()


async def write(database: FunctionsDatabase) -> str:
    text = uuid.uuid4().hex
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO entries VALUES (%s)", (text,))
    return text


async def reads(database: FunctionsDatabase, text: str) -> bool:
    """Read what was written; return whether a replica answered."""
    async with database.replica_transaction() as connection:
        assert await found(connection, text), "a stale read"
        return await is_replica(connection)


async def found(connection: Connection, text: str) -> bool:
    return await (await connection.execute("SELECT FROM entries WHERE note = %s", (text,))).fetchone() is not None


async def is_replica(connection: Connection) -> bool:
    row = await (await connection.execute("SELECT pg_is_in_recovery()")).fetchone()
    return row == (True,)


async def until_a_replica_answers(database: FunctionsDatabase) -> None:
    end = time.monotonic() + wait_limit(30)
    while not await reads(database, await write(database)):
        assert time.monotonic() < end, "no replica answers"
        await asyncio.sleep(0.1)


async def test_what_was_written_is_read_from_the_replica(database: FunctionsDatabase) -> None:
    """By several callers at once, so that readings of the primary's position are shared."""

    async def write_and_read() -> int:
        return sum([await reads(database, await write(database)) for _ in range(WRITES)])

    answered = await asyncio.gather(*(write_and_read() for _ in range(3)))
    assert sum(answered) > WRITES, "the replica is next to the primary and idle"


async def test_a_replica_that_is_paused_answers_nobody_before_it_has_caught_up(database: FunctionsDatabase, standby: Standby) -> None:
    await until_a_replica_answers(database)
    standby.pause()
    for _ in range(20):
        assert not await reads(database, await write(database))
    async with database.replica_transaction() as connection:
        assert not await is_replica(connection), "not even to callers who have written nothing"
    standby.resume()
    await until_a_replica_answers(database)


async def test_what_is_deleted_is_gone(database: FunctionsDatabase, standby: Standby) -> None:
    await until_a_replica_answers(database)
    text = await write(database)
    standby.pause()
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM entries WHERE note = %s", (text,))
    async with database.replica_transaction() as connection:
        assert not await found(connection, text)


async def test_without_a_replica_the_primary_answers(database: FunctionsDatabase, standby: Standby) -> None:
    await until_a_replica_answers(database)
    standby.stop()
    for _ in range(3):
        assert not await reads(database, await write(database))


async def test_a_query_that_a_replica_ends_is_for_the_primary(database: FunctionsDatabase, standby: Standby) -> None:
    await until_a_replica_answers(database)
    with pytest.raises(ReplicaFailed):
        async with database.replica_transaction() as connection:
            assert await is_replica(connection)
            standby.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'capsule'")
            await connection.execute("SELECT note FROM entries")
    text = await write(database)
    async with database.transaction(read_only=True) as connection:
        assert await found(connection, text)


async def test_a_failure_of_the_query_itself_is_no_failure_of_the_replica(database: FunctionsDatabase) -> None:
    await until_a_replica_answers(database)
    with pytest.raises(psycopg.errors.UndefinedTable):
        async with database.replica_transaction() as connection:
            await connection.execute("SELECT FROM missing")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        async with database.replica_transaction() as connection:
            await connection.execute("DELETE FROM entries")
    assert await reads(database, await write(database)), "the connections were given back clean"


async def test_while_the_primary_is_away_nothing_is_read(addresses: Database, standby: Standby) -> None:
    """What it had answered last is unknown, so a replica could be behind it."""
    async with opened(addresses, standby.url(addresses.reader_url), _elsewhere) as database:
        with pytest.raises(DatabaseUnavailable):
            async with database.replica_transaction():
                raise AssertionError("a transaction was opened")


def _elsewhere(url: str) -> str:
    before, _, name = url.rpartition("/")
    return f"{before.rpartition(':')[0]}:{free_port()}/{name}"


async def test_after_a_failover_only_those_who_follow_the_new_primary_answer(primary: PostgreSQL, addresses: Database, standby: Standby) -> None:
    """The replica that follows the lost primary has applied more than the new one, and nothing of what is written now."""
    with running_standby(primary, free_port()) as other:
        other.pause()
        async with opened(addresses, standby.url(addresses.reader_url)) as database:
            await until_a_replica_answers(database)
            other.promote()
            for _ in range(30):
                await write(database)
            async with opened(addresses, standby.url(addresses.reader_url), other.url) as after:
                for _ in range(3):
                    assert not await reads(after, await write(after))
            async with opened(addresses, other.url(addresses.reader_url)) as promoted:
                assert not await reads(promoted, await write(promoted)), "a server that was promoted is no replica"


async def test_a_pooler_in_transaction_mode_may_stand_before_both(primary: PostgreSQL, addresses: Database, standby: Standby) -> None:
    with running_pgbouncer(primary) as primary_port, running_pgbouncer(primary, standby.port) as replica_port:

        def pooled(port: int) -> Callable[[str], str]:
            return lambda url: url.replace(f":{primary.home.ports.postgres}/", f":{port}/")

        database = FunctionsDatabase(
            pooled(primary_port)(addresses.functions_url),
            size=3,
            reader_url=pooled(primary_port)(addresses.reader_url),
            replica_url=pooled(replica_port)(addresses.reader_url),
            has_prepared_statements=False,
        )
        try:
            answered = [await reads(database, await write(database)) for _ in range(WRITES)]
            assert sum(answered) > WRITES / 2 and transactions_of(primary, replica_port) >= sum(answered)
            standby.pause()
            for _ in range(10):
                assert not await reads(database, await write(database))
        finally:
            await database.close()


@pytest.fixture
def world(addresses: Database, rabbitmq: Any, tmp_path: Path) -> Iterator[World]:
    """Functions on the database of `addresses`."""

    class Own:
        def database(self, _: str) -> Database:
            return addresses

    yield from worlds(Own(), rabbitmq.vhost(), tmp_path)


def test_functions_read_replicas_and_fall_back_within_one_message(world: World, addresses: Database, standby: Standby) -> None:
    worker = world.worker(CAPSULE_PROBE_READER_URL=world.reader, CAPSULE_PROBE_REPLICA_URL=standby.url(addresses.reader_url))

    def total() -> int:
        headers = request("probe.total")
        assert worker.post(headers, json.dumps({"account": "a"}).encode()) == 204
        answer, body = world.reply(headers["correlationid"])
        assert answer["outcome"] == "done", body
        return int(body["total"])

    def add() -> None:
        headers = request("probe.deposit")
        assert worker.post(headers, deposit(1, "a")) == 204
        assert world.reply(headers["correlationid"])[0]["outcome"] == "done"

    for expected in range(1, 11):
        add()
        assert total() == expected
    connections = "FROM pg_stat_activity WHERE application_name = 'capsule'"
    assert standby.execute(f"SELECT count(*) > 0 {connections}") == (True,), "the function reads there"
    standby.pause()
    for expected in range(11, 16):
        add()
        assert total() == expected
    standby.resume()
    time.sleep(BEHIND_SECONDS)
    assert total() == 15
    standby.execute(f"SELECT pg_terminate_backend(pid) {connections}")
    assert total() == 15
    standby.stop()
    add()
    assert total() == 16
