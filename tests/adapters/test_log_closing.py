"""Closing log lines: readers see the same lines before, during and after; a crash loses none; erasure finds them in each place."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from functions.kernel import new_id
from functions.monitor.adapters import logs as adapter
from functions.monitor.adapters.erasures import PostgresErasures
from functions.monitor.adapters.logs import PostgresLogs
from functions.monitor.domain.labels import Workload
from functions.monitor.domain.logs import LogFilter, LogLine
from functions.monitor.domain.search import Terms
from functions.runtime.storage.database import Database
from tests.adapters.monitor_databases import monitor_database
from tests.servers import Databases

NOW = datetime.now(UTC).replace(microsecond=0)
TABLES = ("hot_log_lines", "log_lines", "log_blocks")


@pytest.fixture(scope="module")
def url(postgres: Databases) -> str:
    return monitor_database(postgres, "native").functions_url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    async with database.transaction() as connection:
        for table in TABLES:
            await connection.execute(f"DELETE FROM {table}")
    yield database
    await database.close()


def line(application: UUID, text: str) -> LogLine:
    return LogLine(NOW, Workload(application, "staging", None, "run"), "pod", "container", "stdout", text)


async def add(database: Database, application: UUID, *texts: str) -> bool:
    async with database.transaction():
        return await PostgresLogs(database).add([line(application, text) for text in texts])


async def close(database: Database) -> bool:
    async with database.transaction():
        return await PostgresLogs(database).close()


async def read(database: Database, filter: LogFilter) -> list[str]:
    async with database.transaction(read_only=True):
        return [found.line for found in await PostgresLogs(database).last(filter, 100)]


async def counts(database: Database, application: UUID) -> tuple[int, ...]:
    async with database.transaction(read_only=True) as connection:
        rows = [await connection.execute(f"SELECT count(*) FROM {table} WHERE application_id = %s", (application,)) for table in TABLES]
        return tuple([(await each.fetchone() or (0,))[0] for each in rows])


async def test_a_follower_sees_each_line_once_while_lines_are_closed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "CLOSED_LINES", 7)
    application, other, seen = new_id(), new_id(), list[str]()
    texts = [f"text {number}" for number in range(100)]

    async def write() -> None:
        for start in range(0, 100, 5):
            await add(database, application, *texts[start : start + 5])
            await add(database, other, "of another")

    async def move() -> None:
        for _ in range(40):
            await close(database)

    async def follow() -> None:
        position = 0
        while len(seen) < len(texts):
            async with database.transaction(read_only=True):
                for found in await PostgresLogs(database).following(LogFilter(application, terms=Terms.read("text")), position, 9):
                    seen.append(found.line)
                    position = found.position

    await asyncio.wait_for(asyncio.gather(write(), move(), follow()), 30)
    while await close(database):
        pass
    assert seen == texts == await read(database, LogFilter(application, terms=Terms.read("text"))) == await read(database, LogFilter(application))
    hot, closed, blocks = await counts(database, application)
    assert (hot, closed) == (0, 100) and blocks > 1


async def test_a_close_that_fails_moves_nothing(database: Database) -> None:
    application = new_id()
    await add(database, application, "one", "two")

    async def crash() -> None:
        async with database.transaction():
            await PostgresLogs(database).close()
            raise ConnectionError("the process ends before the commit")

    with pytest.raises(ConnectionError):
        await crash()
    assert await counts(database, application) == (2, 0, 0)
    assert not await close(database)
    assert await counts(database, application) == (0, 2, 1)
    assert not await close(database), "nothing is left"


async def test_one_transaction_moves_a_bounded_number_of_bytes(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "CLOSED_BYTES", 1000)
    application = new_id()
    await add(database, application, "x" * 1500, "y" * 600, "z" * 600)
    assert [await close(database), await close(database), await close(database)] == [True, True, False]
    assert [text[0] for text in await read(database, LogFilter(application))] == ["x", "y", "z"]


async def test_closing_is_due_once_for_many_batches(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "CLOSE_AFTER", 10)
    application = new_id()
    await add(database, application, *("line",) * 10)
    assert [await add(database, application, *("line",) * 4) for _ in range(6)] == [False, False, True, False, False, True]


async def test_text_arrives_as_it_was(database: Database) -> None:
    application = new_id()
    texts = ["\\N", "\\", "a\tb\nc\rd\\.", "\x1e\x1f\x01", "é \U0001f600", "", "\\x41"]
    await add(database, application, *texts)
    assert await read(database, LogFilter(application)) == texts
    await close(database)
    assert await read(database, LogFilter(application)) == texts
    for text in texts:
        assert text == "" or text in await read(database, LogFilter(application, terms=Terms((text,)))), repr(text)


async def test_erasure_finds_lines_wherever_they_are_and_waits_for_a_close(database: Database) -> None:
    application, other = new_id(), new_id()
    for each in (application, other):
        await add(database, each, "closed")
    await close(database)
    for each in (application, other):
        await add(database, each, "hot")
    moved = asyncio.Event()

    async def move() -> None:
        async with database.transaction():
            await PostgresLogs(database).close()
            moved.set()
            await asyncio.sleep(0.2)

    async def erase() -> None:
        await moved.wait()
        async with database.transaction():
            await PostgresErasures(database).erase(application)

    await asyncio.gather(move(), erase())
    assert await counts(database, application) == (0, 0, 0)
    assert await read(database, LogFilter(other)) == ["closed", "hot"]
