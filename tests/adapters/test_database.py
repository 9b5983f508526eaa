"""The transaction around a handler: what was not committed never counts as committed, and a connection goes back clean."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from functions.kernel import Caller, Unauthenticated
from functions.runtime.execution.batches import require_claims
from functions.runtime.execution.transactions import Execution, WritingFunction
from functions.runtime.reliability import revoked_sessions
from functions.runtime.storage import pools
from functions.runtime.storage.database import Connection, Database
from functions.runtime.storage.failures import DatabaseUnavailable, NotExpected, NothingCommitted, RareRowsExist
from functions.wire.cloudevents import new_message
from tests.waiting import wait_limit


@pytest.fixture
def addresses(postgres: Any) -> Any:
    made = postgres.database("auth")
    with psycopg.connect(made.owner_url, autocommit=True) as owner:
        owner.execute("CREATE TABLE notes (note text PRIMARY KEY)")
    return made


@pytest.fixture
async def database(addresses: Any) -> AsyncIterator[Database]:
    opened = Database(addresses.functions_url, size=1, reader_url=addresses.reader_url)
    yield opened
    await opened.close()


async def noted(database: Database) -> set[str]:
    async with database.transaction(read_only=True) as connection:
        return await noted_on(connection)


async def noted_on(connection: Connection) -> set[str]:
    return {row[0] for row in await (await connection.execute("SELECT note FROM notes")).fetchall()}


async def note(connection: Any, text: str) -> None:
    await connection.execute("INSERT INTO notes VALUES (%s)", (text,))


async def test_a_failure_that_was_not_heeded_is_no_commit(database: Database) -> None:
    with pytest.raises(NothingCommitted):
        async with database.transaction() as connection:
            await note(connection, "one")
            with pytest.raises(psycopg.errors.UniqueViolation):
                await note(connection, "one")
    async with database.transaction() as connection:
        await note(connection, "two")
    assert await noted(database) == {"two"}


async def test_what_goes_with_the_commit_fails_with_it(database: Database) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        async with database.transaction() as connection:
            await note(connection, "one")
            connection.queue("INSERT INTO notes VALUES (%s)", ("one",))
    assert await noted(database) == set()


async def test_what_waited_is_forgotten_with_its_transaction(database: Database) -> None:
    with pytest.raises(KeyError):
        async with database.transaction(is_begin_queued=True) as connection:
            connection.queue("INSERT INTO notes VALUES (%s)", ("never",))
            raise KeyError
    async with database.transaction() as connection:
        await note(connection, "o'one \\ %s; two")
    assert await noted(database) == {"o'one \\ %s; two"}


async def test_values_are_values_whatever_they_hold(database: Database) -> None:
    strange = "'); DROP TABLE notes; -- \\' %s %(a)s é \U0001f600"
    async with database.transaction() as connection:
        connection.queue("INSERT INTO notes VALUES (%s)", (strange,))
    assert await noted(database) == {strange}


async def test_who_only_reads_cannot_write(database: Database) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        async with database.transaction(read_only=True) as connection:
            await note(connection, "one")
    async with database.transaction(read_only=True) as connection:
        await connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await note(connection, "one")


@pytest.mark.parametrize("has_reader", [True, False], ids=["with a reading role", "without one"])
async def test_an_answer_from_two_statements_is_of_one_moment(addresses: Any, has_reader: bool) -> None:
    """The payment method of a customer, and the change that has set it: never the one without the other."""
    database = Database(addresses.functions_url, size=1, reader_url=addresses.reader_url if has_reader else None)
    async with database.snapshot() as connection:
        assert await noted_on(connection) == set()
        with psycopg.connect(addresses.owner_url, autocommit=True) as other:
            other.execute("INSERT INTO notes VALUES ('meanwhile')")
        assert await noted_on(connection) == set()
    async with database.snapshot() as connection:
        assert connection.info.transaction_status is TransactionStatus.IDLE, "nothing is sent before the first statement"
        assert await noted_on(connection) == {"meanwhile"}
    with pytest.raises((psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege)):
        async with database.snapshot() as connection:
            await note(connection, "mine")
    assert await noted(database) == {"meanwhile"}
    await database.close()


async def test_what_a_snapshot_refuses_leaves_its_connection_clean(database: Database) -> None:
    for is_begun in (True, False):
        with pytest.raises(KeyError):
            async with database.snapshot() as connection:
                if is_begun:
                    await noted_on(connection)
                raise KeyError
        assert connection.info.transaction_status is TransactionStatus.IDLE and not connection.queued
    assert await noted(database) == set()


async def test_a_queued_statement_travels_with_the_next_one(database: Database) -> None:
    async with database.transaction() as connection:
        await note(connection, "50 % of 'it'; \\ %s")
    async with database.transaction(read_only=True) as connection:
        queued = connection.queue("SELECT note FROM notes WHERE note = %s", ("50 % of 'it'; \\ %s",))
        none = connection.queue("SELECT FROM notes WHERE note = %s", ("none",))
        cursor = await connection.execute("SELECT note, %(value)s::text FROM notes WHERE note LIKE '50 %%'", {"value": "50 %"})
        assert await cursor.fetchall() == [("50 % of 'it'; \\ %s", "50 %")]
        assert queued.result is not None and none.result is not None
        assert (queued.result.count, none.result.count) == (1, 0)
        assert await (await connection.execute("SELECT count(*) FROM notes")).fetchone() == (1,)


@pytest.mark.parametrize("values", [(), ("%",)])
async def test_a_percent_sign_of_a_statement_without_values_stands_for_itself(database: Database, values: tuple[str, ...]) -> None:
    async with database.transaction(read_only=True) as connection:
        first = connection.queue_rare("SELECT 1 WHERE '50 %s' LIKE '%s'")
        second = connection.queue_rare("SELECT %s::text", values) if values else connection.queue_rare("SELECT '%'")
        assert await (await connection.execute("SELECT 7 %% %s::int", (4,))).fetchone() == (3,)
        assert await connection.rows_of(first) == [(1,)] and await connection.rows_of(second) == [("%",)]
        alone = connection.queue_rare("SELECT 7 % 4")
        with_values = connection.queue_rare("SELECT %s::text", values or ("%",))
        assert await connection.rows_of(alone) == [(3,)] and await connection.rows_of(with_values) == [("%",)]


@pytest.mark.parametrize("travels_with", ["commit", "statement", "aside"])
async def test_rare_rows_that_exist_undo_a_transaction_that_expects_none(database: Database, travels_with: str) -> None:
    async def keep(text: str) -> None:
        async with database.transaction(is_begin_queued=True, expects_no_rare_rows=True) as connection:
            connection.queue("INSERT INTO notes VALUES (%s)", (text,))
            found = connection.queue_rare("SELECT note FROM notes WHERE note LIKE '50 %%' AND note <> %s", (text,))
            assert not await connection.rows_of(found)
            if travels_with == "aside":
                connection.set_aside()
            if travels_with != "commit":
                await note(connection, f"after {text}")
            assert not await connection.rows_of(found)

    await keep("50 % of it")
    with pytest.raises(RareRowsExist):
        await keep("all of it")
    assert await noted(database) == {"50 % of it", *([] if travels_with == "commit" else ["after 50 % of it"])}
    async with database.transaction() as connection:  # the connection expects nothing any more
        found = connection.queue_rare("SELECT note FROM notes WHERE note LIKE '50 %'")
        assert await connection.rows_of(found) == [("50 % of it",)]


async def test_claims_that_are_not_made_undo_a_transaction(database: Database) -> None:
    ended = uuid4()

    async def claim(*executions: tuple[str, UUID | None, tuple[str, int] | None]) -> None:
        async with database.transaction(is_begin_queued=True) as connection:
            connection.queue(*require_claims([_execution(*each) for each in executions]))

    async with database.transaction() as connection:
        await revoked_sessions.add(connection, [ended], datetime.now(UTC))
    await claim(("a", uuid4(), None))
    await claim(("b", None, ("s", 2)))
    await claim(("c", None, ("s", 3)), ("d", uuid4(), None), ("e", None, ("t", 1)))
    for failing in [("a", None, None)], [("f", ended, None)], [("f", None, ("s", 3))]:
        with pytest.raises(NotExpected, match=failing[0][0]):
            await claim(*failing)
        with pytest.raises(NotExpected):
            await claim(*failing, ("g", None, ("u", 1)))
    async with database.transaction(read_only=True) as connection:
        assert await (await connection.execute("SELECT array_agg(id ORDER BY id) FROM inbox")).fetchone() == (list("abcde"),)
        positions = await (await connection.execute("SELECT subject, sequence FROM positions ORDER BY 1")).fetchall()
        assert positions == [("s", 3), ("t", 1)]


def _execution(id: str, session_id: UUID | None, event: tuple[str, int] | None) -> Execution:
    message = new_message("deposited", "/capsule/probe", b"{}", datetime.now(UTC), id, sequence=str(event[1]) if event else None)
    caller = Caller(uuid4(), session_id=session_id) if session_id else None
    subject = ("auth.on_deposited", event[0]) if event else None
    return Execution(
        cast(WritingFunction, SimpleNamespace(name="auth.on_deposited")), message, caller, (), (message.source, id, "auth.on_deposited"), subject
    )


@pytest.mark.parametrize("is_revoked", [False, True])
async def test_the_lookup_of_a_session_is_a_column_of_a_prepared_select(database: Database, is_revoked: bool) -> None:
    caller = Caller(uuid4(), session_id=uuid4())
    async with database.transaction() as connection:
        await note(connection, "one")
        if is_revoked and caller.session_id is not None:
            await revoked_sessions.add(connection, [caller.session_id], datetime.now(UTC))
    for number in range(8):
        async with database.transaction(read_only=True) as connection:
            with pytest.raises(Unauthenticated) if is_revoked else nullcontext():
                async with revoked_sessions.refusing_ended(connection, caller):
                    assert await connection.select_row("SELECT note, note FROM notes WHERE note = %s", ("one",)) == ("one", "one")
                    assert await connection.select_row("SELECT note FROM notes WHERE note <> %s", ("one",)) is None
            prepared = await (await connection.execute("SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%revoked_at%'")).fetchall()
            threshold = pools.PREPARE_AFTER_EXECUTIONS  # None behind a pooler, see conftest
            assert bool(prepared) is (threshold is not None and number >= threshold)


@pytest.mark.parametrize("is_revoked", [False, True])
async def test_without_a_row_the_session_is_looked_up_by_itself(database: Database, is_revoked: bool) -> None:
    caller = Caller(uuid4(), session_id=uuid4())
    if is_revoked and caller.session_id is not None:
        async with database.transaction() as connection:
            await revoked_sessions.add(connection, [caller.session_id], datetime.now(UTC))
    async with database.transaction(read_only=True) as connection:
        with pytest.raises(Unauthenticated) if is_revoked else nullcontext():
            async with revoked_sessions.refusing_ended(connection, caller):
                assert await connection.select_row("SELECT note FROM notes WHERE note = %s", ("none",)) is None


async def test_another_queued_statement_travels_as_a_text(database: Database) -> None:
    async with database.transaction() as connection:
        connection.queue("INSERT INTO notes VALUES (%s)", ("two",))
        assert await connection.select_row("SELECT note FROM notes", ()) == ("two",)
    assert await noted(database) == {"two"}


async def test_messages_wait_for_a_connection_in_their_order_and_not_without_end(postgres: Any) -> None:
    database, order = Database(postgres.database("auth").functions_url, size=1, timeout_seconds=wait_limit(10)), []
    is_held, may_end = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with database.transaction():
            is_held.set()
            await may_end.wait()

    async def use(number: int) -> None:
        async with database.transaction():
            order.append(number)

    try:
        holder = asyncio.create_task(hold())
        await asyncio.wait_for(is_held.wait(), wait_limit(20))
        pool = database._writing
        pool._timeout_seconds, timeout_seconds = 0.1, pool._timeout_seconds
        with pytest.raises(DatabaseUnavailable, match="connection after"):
            await use(0)
        pool._timeout_seconds = timeout_seconds
        cancelled = asyncio.create_task(use(-1))
        waiting = [asyncio.create_task(use(number)) for number in range(1, 20)]
        await asyncio.sleep(0)
        cancelled.cancel()
        may_end.set()
        await asyncio.gather(holder, *waiting)
        assert order == list(range(1, 20))
    finally:
        await database.close()
