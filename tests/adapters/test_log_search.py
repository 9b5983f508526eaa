"""The search of log lines on PostgreSQL: exact answers over odd content, hot and closed, by an index, also where PostgreSQL plans in parallel.

10⁴ lines in the test, 10⁶ in `./taskw proof log-search`, which prints what a search takes in multiples of reading the newest lines without one.
"""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from psycopg import AsyncConnection
from psycopg.sql import SQL

from functions.monitor.adapters.logs import PostgresLogs, select_lines
from functions.monitor.domain.logs import LogFilter
from functions.runtime.storage.database import Database
from tests.adapters.log_search import Corpus
from tests.adapters.monitor_databases import monitor_database
from tests.proof import proof
from tests.servers import Databases

LIMIT = 1000
PARALLEL = ("parallel_setup_cost = 0", "parallel_tuple_cost = 0", "min_parallel_table_scan_size = 0", "min_parallel_index_scan_size = 0")
PARTITION_SCANS = re.compile(r"(Seq Scan|Index Scan|Index Only Scan|Bitmap Heap Scan)[^\n]* on (log_lines\w*)[^\n]*\(actual rows=(\d+)")


@asynccontextmanager
async def filled(postgres: Databases, corpus: Corpus) -> AsyncIterator[Database]:
    kept = monitor_database(postgres, "native")
    store = Database(kept.functions_url)
    try:
        for number, batch in enumerate(corpus.batches(min(10_000, corpus.count // 5))):
            async with store.transaction():
                await PostgresLogs(store).add(batch)
            if number % 5 == 3:  # the last fifth is not closed
                await close(store)
        with postgres.server.superuser(kept.name) as connection:
            connection.execute("ANALYZE log_lines, log_blocks, hot_log_lines")  # as autovacuum does
        yield store
    finally:
        await store.close()


async def close(store: Database) -> None:
    is_more_left = True
    while is_more_left:
        async with store.transaction():
            is_more_left = await PostgresLogs(store).close()


async def force_parallel(connection: AsyncConnection[Any]) -> None:
    forced = "debug_parallel_query" if connection.info.server_version >= 160000 else "force_parallel_mode"
    for setting in (f"{forced} = on", *PARALLEL):
        await connection.execute(SQL("SET LOCAL " + setting))  # type: ignore[arg-type]


async def plan(connection: AsyncConnection[Any], filter: LogFilter) -> str:
    query, arguments = select_lines(filter)
    lines = await connection.execute(SQL("EXPLAIN (ANALYZE, TIMING OFF) ") + query, {**arguments, "limit": LIMIT})
    return "\n".join(line for (line,) in await lines.fetchall())


async def check(postgres: Databases, count: int, *, print_ratios: bool = False) -> None:
    corpus = Corpus(count)
    async with filled(postgres, corpus) as database:
        logs = PostgresLogs(database)
        async with database.transaction(read_only=True) as connection:
            rows = await connection.execute("SELECT DISTINCT tableoid::regclass::text FROM log_lines")
            partitions = {name for (name,) in await rows.fetchall()}
        plain = await seconds(logs, database, LogFilter(corpus.big))
        for search, filter in corpus.filters().items():
            expected = [f'{{"id": "{corpus.needle}"}}'] if corpus.needle in search.lower() else corpus.newest(search, LIMIT)
            if corpus.needle in search.lower() or (not search.startswith("-") and "!=" not in search):
                assert bool(expected) is not search.endswith(("no-such-level", "no-such-text")), search
            started = time.perf_counter()
            async with database.transaction(read_only=True):
                found = [each.line for each in await logs.last(filter, LIMIT)]
            took = time.perf_counter() - started
            assert found == expected, search
            async with database.transaction(read_only=True) as connection:
                await force_parallel(connection)
                assert [each.line for each in await logs.last(filter, LIMIT)] == expected, f"{search}, in parallel"
            async with database.transaction(read_only=True) as connection:
                explained = await plan(connection, filter)
            assert_indexed(explained, partitions)
            if print_ratios:
                print(f"{search[:32]:<32} {len(found):>5} lines  {took / plain:8.1f} ×  {took * 1000:8.0f} ms")


async def seconds(logs: PostgresLogs, database: Database, filter: LogFilter) -> float:
    fastest = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        async with database.transaction(read_only=True):
            await logs.last(filter, LIMIT)
        fastest = min(fastest, time.perf_counter() - started)
    return fastest


def assert_indexed(explained: str, partitions: set[str]) -> None:
    """Partitions with lines are read by the index on the application and position."""
    scans = PARTITION_SCANS.findall(explained)
    assert scans, explained
    assert not [(kind, name) for kind, name, _ in scans if kind == "Seq Scan" and name in partitions], explained


async def test_searches_of_odd_lines_are_exact(postgres: Databases) -> None:
    await check(postgres, 10_000)


@proof("log-search")
async def test_searches_of_a_million_lines_are_exact_and_indexed(postgres: Databases, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        await check(postgres, 1_000_000, print_ratios=True)
