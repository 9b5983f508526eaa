"""The transaction around a handler: what was not committed never counts as committed, and a connection goes back clean."""

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from functions.runtime.storage.database import Database
from functions.runtime.storage.failures import NothingCommitted


@pytest.fixture
async def database(postgres: Any) -> AsyncIterator[Database]:
    made = postgres.database("auth")
    with psycopg.connect(made.owner_url, autocommit=True) as owner:
        owner.execute("CREATE TABLE notes (note text PRIMARY KEY)")
    opened = Database(made.functions_url, size=1, reader_url=made.reader_url)
    yield opened
    await opened.close()


async def noted(database: Database) -> set[str]:
    async with database.transaction(read_only=True) as connection:
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
