"""The contract of `AuditLog`, on memory and on PostgreSQL, and what PostgreSQL refuses."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from cli.audit_chain import Head as NotedHead
from cli.audit_chain import verify
from functions.auth.adapters.postgres_audit_log import PostgresAuditLog
from functions.auth.domain.audit import FIRST_HASH, Head
from functions.auth.ports import AuditLog
from functions.auth.ports.audit import AuditFilter
from functions.runtime.storage.database import Database
from tests.adapters.auth_stores import no_transaction
from tests.auth.audit_samples import ADA, BOB, NOW, exported, record
from tests.memory.auth_audit import MemoryAuditLog

REFUSED = (
    "UPDATE audit_log SET target = ''",
    "DELETE FROM audit_log",
    "TRUNCATE audit_log CASCADE",
    "UPDATE audit_personal SET content = ''",
)
DISABLE = "ALTER TABLE audit_log DISABLE TRIGGER USER"


class Log:
    def __init__(self, port: AuditLog, database: Database | None) -> None:
        self.port = port
        self.database = database

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        return self.database.transaction() if self.database else no_transaction()


@pytest.fixture(params=["memory", "postgres"])
async def log(request: pytest.FixtureRequest) -> AsyncIterator[Log]:
    if request.param == "memory":
        yield Log(MemoryAuditLog(), None)
        return
    database = Database(request.getfixturevalue("postgres").database("auth").functions_url)
    yield Log(PostgresAuditLog(database), database)
    await database.close()


async def lines(log: Log) -> list[str]:
    async with log.transaction():
        return exported(list(await log.port.list_chain(after=0, limit=100)))


async def test_entries_are_chained_in_their_order_each_once(log: Log) -> None:
    first, second = record(1), record(2)
    async with log.transaction():
        assert await log.port.head() == Head(0, FIRST_HASH)
        assert await log.port.append([first]) == 1
        assert await log.port.append([first, second, second]) == 1, "a batch that arrives again with another composition"
        entries = await log.port.list_chain(after=0, limit=10)
        assert [(entry.sequence, entry.id) for entry in entries] == [(1, first.id), (2, second.id)]
        assert await log.port.head() == Head(2, entries[1].hash)
    assert not verify(await lines(log)).faults


async def test_the_list_is_filtered_and_has_pages(log: Log) -> None:
    records = [
        record(1, function="auth.login", target="sessions/1"),
        record(2, BOB, function="deploy.roll_back", target="apps/7/releases"),
        record(3, function="deploy_other.command", target="apps/77"),
    ]
    async with log.transaction():
        await log.port.append(records)

        async def found(before: int | None = None, limit: int = 10, **selection: Any) -> list[int]:
            return [entry.sequence for entry in await log.port.list_page(AuditFilter(**selection), before=before, limit=limit)]

        assert await found() == [3, 2, 1]
        assert await found(limit=2) == [3, 2] and await found(before=2) == [1]
        assert await found(user_id=BOB) == [2]
        assert await found(function="deploy") == [2], "the underscore of another context's name is no wildcard"
        assert await found(function="deploy.roll_back") == [2]
        assert await found(target="apps/7") == [2]
        assert await found(since=NOW + timedelta(seconds=2)) == [3, 2]
        assert await found(until=NOW + timedelta(seconds=2)) == [1]


async def test_the_personal_data_of_a_deleted_user_is_erased_and_the_chain_verifies(log: Log) -> None:
    async with log.transaction():
        await log.port.append([record(1), record(2, BOB, before={"email": "bob@example.org"}, is_personal=True)])
    async with log.transaction():
        for _ in range(2):
            await log.port.erase(BOB, "request-3", NOW)
    async with log.transaction():
        await log.port.append([record(4, BOB)])
        entries = list(await log.port.list_chain(after=0, limit=10))
    assert [entry.personal is None for entry in entries] == [False, True, False, True]
    assert json.loads(entries[3].content)["personalDigest"] is None, "an entry that arrives late gets none"
    assert "bob@example.org" not in "".join(await lines(log))
    result = verify(await lines(log))
    assert (result.faults, result.entries, result.erased) == ([], 4, 1)


async def test_old_entries_are_removed_from_the_begin_and_the_rest_verifies_from_the_checkpoint(log: Log) -> None:
    old, cutoff = NOW - timedelta(days=400), NOW - timedelta(days=365)
    ages = [old, old + timedelta(days=1), cutoff + timedelta(days=1), old, NOW]
    async with log.transaction():
        await log.port.append([record(number, at=at) for number, at in enumerate(ages, 1)])
        before = await log.port.list_chain(after=0, limit=10)
        assert await log.port.checkpoint() == Head()
    removed = []
    for _ in range(3):
        async with log.transaction():
            removed.append(await log.port.remove(cutoff, 1, NOW))
    assert removed == [1, 1, 0], "an old entry behind a younger one stays: the chain has no gap"
    async with log.transaction():
        checkpoint, left = await log.port.checkpoint(), list(await log.port.list_chain(after=0, limit=10))
        assert checkpoint == Head(2, before[1].hash)
        assert [entry.sequence for entry in left] == [3, 4, 5, 6, 7]
        assert json.loads(left[-1].content)["after"] == {"removedThrough": 2, "removedHash": checkpoint.hash}
    result = verify(exported(left, checkpoint.sequence, checkpoint.hash), NotedHead(checkpoint.sequence, checkpoint.hash))
    assert (result.faults, result.after, result.entries) == ([], 2, 5)
    assert result.removed_on is not None and result.removed_on.startswith(f"{NOW:%Y-%m-%d}")
    forged = verify(exported(left, 2, "a" * 64))
    assert any("does not follow" in fault.text for fault in forged.faults) and any("begin was forged" in fault.text for fault in forged.faults)


async def test_a_record_of_an_erased_user_stays_without_personal_data_when_the_entry_of_the_erasure_is_removed(log: Log) -> None:
    old = NOW - timedelta(days=400)
    async with log.transaction():
        await log.port.append([record(1, at=old)])
        await log.port.erase(BOB, "request-2", old)
        await log.port.append([record(3, at=NOW)])
    async with log.transaction():
        assert await log.port.remove(NOW - timedelta(days=365), 10, NOW) == 2
        await log.port.append([record(4, BOB, before={"email": "bob@example.org"}, is_personal=True)])
        await log.port.erase(BOB, "request-5", NOW)
    assert "bob@example.org" not in "".join(await lines(log))
    async with log.transaction():
        last = (await log.port.list_chain(after=0, limit=10))[-1]
    assert (last.user_id, last.personal) == (BOB, None), "an erasure is recorded once"


async def test_the_last_entry_and_a_day_beyond_the_retention_stay(log: Log) -> None:
    async with log.transaction():
        await log.port.append([record(1, at=NOW - timedelta(days=101)), record(2, at=NOW - timedelta(days=101))])
        assert await log.port.remove(NOW - timedelta(days=100), 10, NOW) == 0, "recorded once a day"
        assert await log.port.remove(NOW - timedelta(days=99), 10, NOW) == 1
        assert [entry.sequence for entry in await log.port.list_chain(after=0, limit=10)] == [2, 3]


async def test_no_role_removes_entries_of_the_last_30_days(postgres: Any) -> None:
    database = Database(postgres.database("auth").functions_url)
    log = PostgresAuditLog(database)
    now = datetime.now(UTC)
    async with database.transaction():
        await log.append([record(1, at=now - timedelta(days=40)), record(2, at=now - timedelta(days=29)), record(3, at=now)])
        [first, second, _] = await log.list_chain(after=0, limit=3)
    insert = "INSERT INTO audit_checkpoints (sequence, hash, created_at) VALUES (%s, %s, now())"
    for sequence, digest in ((2, bytes.fromhex(second.hash)), (1, b"x" * 32)):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with database.transaction() as connection:
                await connection.execute(insert, (sequence, digest))
    async with database.transaction() as connection:
        await connection.execute(insert, (1, bytes.fromhex(first.hash)))
    for statement in ("DELETE FROM audit_log WHERE sequence = 2", "UPDATE audit_checkpoints SET sequence = 2", "DELETE FROM audit_checkpoints"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with database.transaction() as connection:
                await connection.execute(statement)  # type: ignore[call-overload]
    await database.close()


async def test_no_role_changes_or_deletes_entries(postgres: Any) -> None:
    databases = postgres.database("auth")
    database = Database(databases.functions_url)
    async with database.transaction():
        await PostgresAuditLog(database).append([record(1)])
    for url in (databases.functions_url, databases.owner_url):
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            for statement in REFUSED:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    await connection.execute(statement)
    await database.close()


async def test_only_the_owner_disables_the_trigger_and_the_noted_head_finds_what_it_deletes(postgres: Any) -> None:
    databases = postgres.database("auth")
    database = Database(databases.functions_url)
    log = Log(PostgresAuditLog(database), database)
    async with database.transaction():
        await log.port.append([record(1), record(2)])
        head = await log.port.head()
    async with await psycopg.AsyncConnection.connect(databases.functions_url, autocommit=True) as functions:
        for statement in (DISABLE, "DROP TRIGGER audit_log_is_append_only ON audit_log", "SET session_replication_role = replica"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await functions.execute(statement)
    async with await psycopg.AsyncConnection.connect(databases.owner_url, autocommit=True) as owner:
        await owner.execute(DISABLE)
        await owner.execute("DELETE FROM audit_personal WHERE sequence = 2")
        await owner.execute("DELETE FROM audit_log WHERE sequence = 2")
    cut = await lines(log)
    assert not verify(cut).faults
    assert ["cut before" in fault.text for fault in verify(cut, NotedHead(head.sequence, head.hash)).faults] == [True]
    await database.close()


async def test_concurrent_writers_build_one_chain(postgres: Any) -> None:
    database = Database(postgres.database("auth").functions_url, size=4)

    async def write(number: int) -> None:
        async with database.transaction():
            await PostgresAuditLog(database).append([record(number, UUID(int=number)), record(number, ADA)])

    await asyncio.gather(*(write(number) for number in range(1, 9)))
    result = verify(await lines(Log(PostgresAuditLog(database), database)))
    assert (result.faults, result.entries) == ([], 16)
    await database.close()
