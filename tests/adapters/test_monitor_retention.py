"""Chunks are made ahead and dropped by age; rows whose chunk is missing are kept and moved into it later. The role of the functions can do it all."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest

from functions.kernel import new_id
from functions.monitor.adapters.metrics import PostgresRequests, PostgresResources, PostgresRollups
from functions.monitor.adapters.series import PostgresRetention
from functions.monitor.domain.metrics import HOUR, MINUTE, Range
from functions.monitor.domain.requests import Window
from functions.monitor.domain.resources import ResourceWindow
from functions.monitor.handlers.housekeeping import RETENTION
from functions.runtime.storage.database import Database as Pool
from knative.machine.postgres import Database
from tests.adapters.monitor_databases import KINDS, monitor_database
from tests.servers import Databases

DAY = timedelta(days=1)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

Connection = psycopg.Connection[Any]


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, postgres: Databases) -> Database:
    return monitor_database(postgres, request.param)


@pytest.fixture
def native(postgres: Databases) -> Database:
    return monitor_database(postgres, "native")


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.functions_url, autocommit=True) as connection:
        yield connection


def add_line(connection: Connection, at: datetime, text: str = "line") -> None:
    connection.execute(
        """
        INSERT INTO log_lines (at, application_id, environment, component, pod, container, stream, line)
        VALUES (%s, gen_random_uuid(), 'staging', 'run', 'pod', 'container', 'stdout', %s)
        """,
        (at, text),
    )


def one(connection: Connection, query: LiteralString, *arguments: object) -> Any:
    row = connection.execute(query, arguments).fetchone()
    assert row is not None
    return row[0]


def partitions(connection: Connection, table: str) -> set[str]:
    rows = connection.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", (table,))
    return {name for (name,) in rows}


def test_rows_of_any_time_are_taken_and_found(connection: Connection) -> None:
    for at in (TODAY, TODAY - 400 * DAY, TODAY + 5 * DAY, datetime(1970, 1, 1, tzinfo=UTC)):
        add_line(connection, at)
    assert one(connection, "SELECT count(*) FROM log_lines") == 4


async def test_what_is_older_than_its_retention_goes_and_the_rest_stays(database: Database, connection: Connection) -> None:
    for age in (0, 3, 13, 16, 40, 9000):
        add_line(connection, TODAY - age * DAY, str(age))
    pool = Pool(database.functions_url)
    retention = PostgresRetention(pool)
    async with pool.transaction():
        await retention.create_partitions(TODAY - 20 * DAY, TODAY + 8 * DAY)
        assert await retention.drop("log_lines", TODAY - 14 * DAY) >= 1
        for series, age in RETENTION.items():
            await retention.drop(series, TODAY - age)
    await pool.close()
    kept = [text for (text,) in connection.execute("SELECT line FROM log_lines ORDER BY at")]
    assert kept == ["13", "3", "0"]


async def test_figures_go_by_age_level_by_level(database: Database, connection: Connection) -> None:
    """Raw rows of a week ago are gone, their sums by minute and hour are there; after two months only those by hour are."""
    pool = Pool(database.functions_url)
    requests, resources = PostgresRequests(pool), PostgresResources(pool)
    retention, rollups, application = PostgresRetention(pool), PostgresRollups(pool), new_id()
    begins = [TODAY - age * DAY for age in (1, 20, 60, 500)]
    async with pool.transaction():
        await retention.create_partitions(TODAY - 30 * DAY, TODAY + DAY)
        await requests.add([Window(at, at, application, "staging", "r1", 200, 1, 1.0, {1: 1}) for at in begins])
        await resources.add([ResourceWindow(at, at + timedelta(seconds=9), application, "staging", "run", "shop", "p", 5.0, 9, 9.0) for at in begins])
    async with pool.transaction():
        await rollups.roll(datetime(1970, 1, 1, tzinfo=UTC))
    async with pool.transaction():
        for series, age in RETENTION.items():
            await retention.drop(series, TODAY - age)
    counted = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in RETENTION}  # type: ignore[call-overload]
    assert {table: row[0] for table, row in counted.items() if table.startswith(("request", "resource"))} == {
        "request_windows": 1,
        "resource_windows": 1,
        "request_minutes": 2,
        "resource_minutes": 2,
        "request_hours": 3,
        "resource_hours": 3,
    }
    async with pool.transaction():
        for step, seen in ((MINUTE, 1), (HOUR, 1), (DAY, 3)):
            over = Range.covering(TODAY - (DAY if step == MINUTE else 62 * DAY if step == DAY else 30 * DAY), TODAY, step)
            assert sum(tally.requests for tally in await requests.tallies(application, None, over)) == seen + (step == HOUR)
    await pool.close()


def test_every_series_has_its_retention(connection: Connection) -> None:
    assert {name for (name,) in connection.execute("SELECT name FROM series")} == RETENTION.keys()


def test_only_series_are_dropped(connection: Connection) -> None:
    with pytest.raises(psycopg.errors.RaiseException):
        connection.execute("SELECT drop_partitions('applications', now())")


def test_functions_own_nothing(connection: Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("DROP TABLE log_lines")


def test_the_migration_makes_the_days_to_come(native: Database) -> None:
    with psycopg.connect(native.functions_url, autocommit=True) as connection:
        created = partitions(connection, "log_lines")
        today = {TODAY, datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)}  # the run may have begun before midnight
        assert any(all(f"log_lines_{start + day * DAY:%Y%m%d}" in created for day in range(-1, 8)) for start in today)
        assert len(partitions(connection, "request_windows")) in (3, 4)  # weeks, and the default


def test_rows_that_came_before_their_partition_are_moved_into_it(native: Database) -> None:
    begin = TODAY + 30 * DAY
    with psycopg.connect(native.functions_url, autocommit=True) as connection:
        add_line(connection, begin, "first of the day")
        add_line(connection, begin + DAY - timedelta(microseconds=1), "last of the day")
        add_line(connection, begin + DAY, "next day")
        assert one(connection, "SELECT count(*) FROM log_lines_default") == 3

        made = one(connection, "SELECT make_partitions(%s, %s)", begin, begin + DAY)
        assert made >= 2  # of log lines, executions, perhaps of requests
        assert one(connection, "SELECT make_partitions(%s, %s)", begin, begin + DAY) == 0
        name = f"log_lines_{begin:%Y%m%d}"
        assert name in partitions(connection, "log_lines")
        found = connection.execute("SELECT tableoid::regclass::text, line FROM log_lines ORDER BY at").fetchall()
        assert found == [(name, "first of the day"), (name, "last of the day"), ("log_lines_default", "next day")]


def test_lines_written_while_partitions_are_made_are_neither_lost_nor_refused(native: Database) -> None:
    begin = TODAY + 30 * DAY

    def write() -> int:
        with psycopg.connect(native.functions_url, autocommit=True) as connection:
            for number in range(300):
                add_line(connection, begin + (number % 20) * DAY)
        return 300

    with ThreadPoolExecutor(2) as pool, psycopg.connect(native.functions_url, autocommit=True) as connection:
        writers = [pool.submit(write) for _ in range(2)]
        for day in range(20):
            connection.execute("SELECT make_partitions(%s, %s)", (begin + day * DAY, begin + (day + 1) * DAY))
        assert [writer.result() for writer in writers] == [300, 300]
        assert one(connection, "SELECT count(*) FROM log_lines") == 600
        assert one(connection, "SELECT count(*) FROM log_lines_default") == 0
