"""One suite over monitor's ports: in memory, in PostgreSQL with native partitions, and with TimescaleDB where its extension is found."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from functions.kernel import new_id
from functions.monitor.adapters.logs import PostgresLogs
from functions.monitor.adapters.postgres import PostgresApplications, PostgresUnownedUsage
from functions.monitor.domain.applications import Application
from functions.monitor.domain.labels import Workload
from functions.monitor.domain.logs import LogFilter, LogLine
from functions.monitor.domain.search import Condition, Terms, conditions
from functions.monitor.domain.timeline import Execution
from functions.monitor.domain.usage import MeasuredUse
from functions.runtime.storage.database import Database
from tests.adapters.monitor_databases import KINDS, Store, monitor_database, stored
from tests.servers import Databases

NOW = datetime.now(UTC).replace(microsecond=0)
LONG_AGO = datetime(2001, 2, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def urls() -> dict[str, str]:
    """One database of each kind for the module: tests use applications of their own."""
    return {}


@pytest.fixture(params=["memory", *KINDS])
async def store(request: pytest.FixtureRequest, urls: dict[str, str], postgres: Databases) -> AsyncIterator[Store]:
    async with stored(postgres, request.param, urls) as store:
        yield store


@pytest.fixture
async def database(postgres: Databases) -> AsyncIterator[Database]:
    database = Database(monitor_database(postgres, "native").functions_url)
    yield database
    await database.close()


def line(
    application: UUID, text: str, at: datetime = NOW, *, environment: str = "staging", component: str = "run", deployment: UUID | None = None
) -> LogLine:
    return LogLine(at, Workload(application, environment, deployment, component), "pod", "container", "stdout", text)


async def test_lines_keep_their_order_and_are_followed(store: Store) -> None:
    application = new_id()
    everything = LogFilter(application)
    async with store.transaction():
        await store.logs.add([])
        await store.logs.add([line(application, "one"), line(new_id(), "of another"), line(application, "two", LONG_AGO)])
    async with store.transaction():
        await store.logs.add([line(application, "three", NOW - timedelta(days=3))])
    async with store.transaction():
        lines = await store.logs.following(everything, 0, 10)
        assert [found.line for found in lines] == ["one", "two", "three"]
        assert [found.at for found in lines] == [NOW, LONG_AGO, NOW - timedelta(days=3)]
        assert [found.line for found in await store.logs.following(everything, lines[0].position, 1)] == ["two"]
        assert [found.line for found in await store.logs.last(everything, 2)] == ["two", "three"]
        assert list(await store.logs.following(everything, lines[2].position, 10)) == []


async def test_lines_are_filtered(store: Store) -> None:
    application, deployment = new_id(), new_id()
    async with store.transaction():
        await store.logs.add(
            [
                line(application, "Compiling 50%_done\\", component="build", deployment=deployment),
                line(application, "serving ÄRGER", environment="production"),
                line(application, ""),
            ]
        )
    async with store.transaction():
        for log_filter, expected in [
            (LogFilter(application, component="build"), [0]),
            (LogFilter(application, environment="production"), [1]),
            (LogFilter(application, deployment_id=deployment), [0]),
            (LogFilter(application, terms=Terms.read("50%_DONE\\")), [0]),
            (LogFilter(application, terms=Terms.read("5_%")), []),
            (LogFilter(application, environment="staging", component="run"), [2]),
            (LogFilter(application, environment="production", component="build"), []),
        ]:
            everything = list(await store.logs.following(LogFilter(application), 0, 10))
            assert list(await store.logs.following(log_filter, 0, 10)) == [everything[index] for index in expected]
            assert list(await store.logs.last(log_filter, 10)) == [everything[index] for index in expected]


async def test_lines_are_found_by_what_they_say_and_when(store: Store) -> None:
    application = new_id()
    texts = [
        '{"level": "error", "http": {"status": 503, "path": "/a"}, "tags": ["slow", "db"], "msg": "upstream timeout"}',
        '{"level": "info", "http": {"status": 200}, "ok": true, "gone": null}',
        '{"level": "error"} is no JSON',
        "upstream Connection Reset by peer",
        "[1, 2]",
    ]
    async with store.transaction():
        await store.logs.add([line(application, text, NOW - number * MINUTE) for number, text in enumerate(texts)])
    async with store.transaction():
        for search, expected in {
            "level=error": [0],
            "level!=error": [1],
            "http.status=503": [0],
            "http.status=503,level=info": [],
            "ok=true": [1],
            "ok!=true": [0],
            "tags.1=db": [0],
            'http.path="/a"': [0],
            "gone=null": [],
            "nothing.there=1": [],
            "nothing.there!=1": [0, 1],
        }.items():
            found = await store.logs.following(LogFilter(application, fields=conditions(search)), 0, 10)
            assert [texts.index(each.line) for each in found] == expected, search
        for search, expected in {
            "upstream": [0, 3],
            "UPSTREAM reset": [3],
            '"connection reset"': [3],
            '"reset connection"': [],
            "upstream -timeout": [3],
            '-"connection reset" upstream': [0],
            "-level": [3, 4],
        }.items():
            found = await store.logs.following(LogFilter(application, terms=Terms.read(search)), 0, 10)
            assert [texts.index(each.line) for each in found] == expected, search
        within = LogFilter(application, since=NOW - 3 * MINUTE, until=NOW - MINUTE)
        assert [texts.index(each.line) for each in await store.logs.last(within, 10)] == [2, 3]
        both = LogFilter(application, terms=Terms(("timeout",)), fields=(Condition(("level",), "error"),), since=NOW)
        assert [texts.index(each.line) for each in await store.logs.last(both, 10)] == [0]


async def test_fields_are_searched_where_postgresql_plans_in_parallel(database: Database) -> None:
    """Every query gets a plan with workers, as a table of 10⁶ lines would."""
    application, logs = new_id(), PostgresLogs(database)
    async with database.transaction() as connection:
        await logs.add([line(application, text) for text in ('{"level": "error", "n": 1}', "{not JSON", '{"level": "info"}')])
    async with database.transaction() as connection:
        forced = "debug_parallel_query" if connection.info.server_version >= 160000 else "force_parallel_mode"
        for setting in (f"{forced} = on", "parallel_setup_cost = 0", "parallel_tuple_cost = 0", "min_parallel_table_scan_size = 0"):
            await connection.execute(f"SET LOCAL {setting}")  # type: ignore[call-overload]
        found = await logs.last(LogFilter(application, fields=(Condition(("level",), "error"),)), 10)
    assert [each.line for each in found] == ['{"level": "error", "n": 1}']


async def test_executions_come_back_as_they_were(store: Store) -> None:
    correlation = str(new_id())

    def execution(at: datetime, **search: object) -> Execution:
        values: dict[str, object] = {
            "at": at,
            "correlation": correlation,
            "kind": "command",
            "context": "auth",
            "name": "auth.register",
            "outcome": "done",
            "detail": "",
            "duration_ms": 1.5,
            "message": "m1",
            "type": "auth.register",
            "causation": None,
            "actor": UUID(int=1),
            "trace": None,
            "emitted": ("user.created:1", "x:2"),
            "attempt": 1,
            "cold": False,
        }
        return Execution(**{**values, **search})  # type: ignore[arg-type]

    early = execution(NOW - MINUTE, message=None, actor=None, emitted=())
    late = execution(NOW)
    async with store.transaction():
        await store.executions.add([])
        await store.executions.add([late, early, execution(NOW, correlation=str(new_id()))])
    async with store.transaction():
        assert list(await store.executions.of(correlation, 10)) == [early, late]
        assert list(await store.executions.of(correlation, 1)) == [early]


async def test_functions_are_counted_from_their_journal(store: Store) -> None:
    name = f"auth.{new_id()}"
    at = NOW - timedelta(days=1)

    def execution(duration: float, outcome: str = "done", when: datetime = at) -> Execution:
        return Execution(when, "c", "command", "auth", name, outcome, "", duration, None, None, None, None, None, (), 1, outcome == "retried")

    async with store.transaction():
        await store.executions.add([execution(float(number)) for number in range(1, 98)])
        await store.executions.add([execution(98.0, "dead"), execution(99.0, "rejected"), execution(100.0, "retried"), execution(1e6, when=NOW)])
    async with store.transaction():
        found = [tally for tally in await store.executions.by_function(at, at + MINUTE) if tally.name == name]
        (tally,) = found
        assert (tally.executions, tally.failed, tally.rejected, tally.retried, tally.cold) == (100, 1, 1, 1, 1)
        assert tally.p50_ms == pytest.approx(50.5) and tally.p95_ms == pytest.approx(95.05) and tally.p99_ms == pytest.approx(99.01)


async def test_what_is_deleted_stays_deleted_and_is_forgotten_later(store: Store) -> None:
    gone, alive = Application(new_id(), UUID(int=1), "gone", NOW), Application(new_id(), UUID(int=1), "alive")
    async with store.transaction():
        await store.applications.lock([gone.id, alive.id])
        await store.applications.keep([gone])
        await store.applications.keep([Application(gone.id, gone.user_id, gone.name)])
        await store.applications.keep([alive])
    async with store.transaction():
        assert await store.applications.find(gone.id) == gone
        assert await store.applications.find(new_id()) is None
        assert await store.applications.find_many([gone.id, alive.id, new_id()]) == {gone.id: gone, alive.id: alive}
        assert await store.applications.find_many([]) == {}
        renamed, early = Application(alive.id, alive.user_id, "renamed"), Application(new_id(), UUID(int=1), "early")
        for application in (renamed, early):
            await store.applications.rename(application)
        await store.applications.keep([alive])  # its creation arrives after the rename
        assert [await store.applications.find(each.id) for each in (renamed, early)] == [renamed, early]
        await store.applications.forget_deleted(NOW)
        assert await store.applications.find(gone.id) == gone
        await store.applications.forget_deleted(NOW + MINUTE)
        assert await store.applications.find(gone.id) is None
        assert await store.applications.find(alive.id) == renamed


async def test_held_use_is_released_once_or_forgotten(store: Store) -> None:
    application, other = new_id(), new_id()
    use = MeasuredUse(new_id(), application, "staging", NOW, NOW + MINUTE, 3)
    later = MeasuredUse(new_id(), application, "production", NOW + MINUTE, NOW + 2 * MINUTE, 4)
    old = MeasuredUse(new_id(), other, "staging", NOW - 100 * MINUTE, NOW, 5)
    async with store.transaction():
        await store.unowned.add([])
        await store.unowned.add([later, use, old])
    async with store.transaction():
        assert list(await store.unowned.release([application])) == [use, later]
        assert list(await store.unowned.release([application])) == []
        assert await store.unowned.forget(NOW - 99 * MINUTE) == 1
        assert list(await store.unowned.release([other])) == []


async def test_no_line_ever_appears_before_a_position_that_was_read(database: Database) -> None:
    """Two intakes overlap; a reader who follows meanwhile, from commit to commit, sees every line."""
    logs, application = PostgresLogs(database), new_id()
    seen: list[str] = []
    writing = asyncio.Event()

    async def slow() -> None:
        async with database.transaction():
            await logs.add([line(application, "slow")])
            writing.set()
            await asyncio.sleep(0.3)

    async def quick() -> None:
        await writing.wait()
        async with database.transaction():
            await logs.add([line(application, "quick")])

    async def follow() -> None:
        position = 0
        for _ in range(40):
            async with database.transaction(read_only=True):
                for found in await logs.following(LogFilter(application), position, 10):
                    seen.append(found.line)
                    position = found.position
            await asyncio.sleep(0.02)

    await asyncio.gather(slow(), quick(), follow())
    assert seen == ["slow", "quick"]


async def test_use_and_its_owner_that_come_at_once_find_each_other(database: Database) -> None:
    """The race of on_requests_measured with on_application_created, with their steps as far apart as they can be."""
    applications, unowned, application = PostgresApplications(database), PostgresUnownedUsage(database), new_id()
    use = MeasuredUse(new_id(), application, "staging", NOW, NOW + MINUTE, 3)
    missed = asyncio.Event()

    async def measured() -> list[MeasuredUse]:
        async with database.transaction():
            assert await applications.find_many([application]) == {}
            missed.set()
            await asyncio.sleep(0.1)
            await applications.lock([application])
            if await applications.find_many([application]):
                return [use]
            await asyncio.sleep(0.1)
            await unowned.add([use])
            return []

    async def created() -> list[MeasuredUse]:
        await missed.wait()
        async with database.transaction():
            await applications.lock([application])
            await applications.keep([Application(application, UUID(int=1), "shop")])
            released = list(await unowned.release([application]))
            await asyncio.sleep(0.2)
            return released

    by_measuring, by_creating = await asyncio.gather(measured(), created())
    assert by_measuring + by_creating == [use]
