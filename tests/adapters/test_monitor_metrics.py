"""Requests and resources, raw and summed up, are the same figures: in memory, with native partitions, and with TimescaleDB where it is found."""

import asyncio
import contextvars
import math
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from functions.kernel import new_id
from functions.monitor.adapters.metrics import PostgresRequests, PostgresRollups
from functions.monitor.domain.disk import DiskUsage
from functions.monitor.domain.durations import quantile
from functions.monitor.domain.labels import PLATFORM_ID
from functions.monitor.domain.markers import Marker, MarkerKind
from functions.monitor.domain.metrics import HOUR, MINUTE, Level, Range
from functions.monitor.domain.requests import Health, Tally, Window
from functions.monitor.domain.resources import ResourceTally, ResourceWindow, floor
from functions.runtime.storage.database import Database
from tests.adapters.monitor_databases import KINDS, Store, stored
from tests.servers import Databases

NOW = floor(datetime.now(UTC), HOUR)
SECOND = timedelta(seconds=1)
ALWAYS = datetime(2001, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def urls() -> dict[str, str]:
    """One database of each kind for the module: tests use applications of their own."""
    return {}


@pytest.fixture(params=["memory", *KINDS])
async def store(request: pytest.FixtureRequest, urls: dict[str, str], postgres: Databases) -> AsyncIterator[Store]:
    async with stored(postgres, request.param, urls) as store:
        yield store


def window(
    application: UUID, at: datetime, status: int = 200, requests: int = 1, environment: str = "staging", buckets: dict[int, int] | None = None
) -> Window:
    spread = {50: requests} if buckets is None else buckets
    return Window(at, at + SECOND, application, environment, "r1", status, requests, requests * 2.5, spread)


def used(application: UUID, begin: datetime, end: datetime, cpu: float, memory: int = 1000, **fields: str) -> ResourceWindow:
    values = {"environment": "staging", "component": "run", "service": "shop-staging", "pod": "p1", **fields}
    return ResourceWindow(begin, end, application, cpu_ms=cpu, memory_max=memory * 2, memory_mean=memory, **values)


async def test_windows_are_tallied_by_step_environment_and_class(store: Store) -> None:
    application = new_id()
    over = Range(NOW - 10 * MINUTE, NOW, 5 * MINUTE)
    async with store.transaction():
        await store.requests.add([])
        await store.requests.add(
            [
                window(application, NOW - 10 * MINUTE, 200, 1, buckets={10: 1}),
                window(application, NOW - 9 * MINUTE, 204, 2, buckets={10: 1, 12: 1}),
                window(application, NOW - 5.1 * MINUTE, 503, 4, buckets={}),
                window(application, NOW - 5 * MINUTE, 200, 8, "production"),
                window(application, NOW - 0.1 * MINUTE, 200, 16),
                window(application, NOW, 200, 99),
                window(application, NOW - 10.1 * MINUTE, 200, 99),
            ]
        )
    first, second = over.steps()
    for _ in range(2):
        async with store.transaction():
            assert list(await store.requests.tallies(application, None, over)) == [
                Tally(first, "staging", 2, 3, 7.5, {10: 2, 12: 1}),
                Tally(first, "staging", 5, 4, 10.0, {}),
                Tally(second, "production", 2, 8, 20.0, {50: 8}),
                Tally(second, "staging", 2, 16, 40.0, {50: 16}),
            ]
            assert list(await store.requests.tallies(application, "production", over)) == [Tally(second, "production", 2, 8, 20.0, {50: 8})]
            assert list(await store.requests.tallies(new_id(), None, over)) == []
        await store.roll(since=ALWAYS)


@pytest.mark.parametrize("step", [SECOND * 20, MINUTE, 15 * MINUTE, HOUR, 6 * HOUR])
async def test_figures_are_the_same_however_much_is_summed_up(store: Store, step: timedelta) -> None:
    """Random windows come in batches, late ones among them; between the batches, more or less is summed up."""
    application, chance = new_id(), random.Random(7)
    over = Range.covering(NOW - (6 * HOUR if step >= MINUTE else 10 * MINUTE), NOW, step)
    span = (NOW - over.begin).total_seconds()
    expected: dict[tuple[datetime, int], tuple[int, dict[int, int]]] = {}
    for batch in range(4):
        windows = []
        for _ in range(60):
            at = over.begin + timedelta(seconds=chance.randrange(int(span)))
            bucket, status = chance.randrange(40, 60), chance.choice([200, 404, 500])
            windows.append(window(application, at, status, 2, buckets={bucket: 1, bucket + 1: 1}))
            key = (floor(at, step), status // 100)
            count, buckets = expected.get(key, (0, {}))
            expected[key] = (count + 2, {**buckets, bucket: buckets.get(bucket, 0) + 1, bucket + 1: buckets.get(bucket + 1, 0) + 1})
        async with store.transaction():
            await store.requests.add(windows)
        if batch % 2:
            await store.roll(since=ALWAYS)
        async with store.transaction():
            tallies = await store.requests.tallies(application, None, over)
        found = {(tally.at, tally.status_class): (tally.requests, tally.buckets) for tally in tallies}
        assert found == expected
    await store.roll(since=ALWAYS)
    async with store.transaction():
        merged = [tally for tally in await store.requests.tallies(application, None, over)]
    assert sum(tally.requests for tally in merged) == 480


async def test_resources_are_added_up_over_pods_and_spread_over_minutes(store: Store) -> None:
    application = new_id()
    over = Range(NOW - 10 * MINUTE, NOW, MINUTE)
    async with store.transaction():
        await store.resources.add([])
        await store.resources.add(
            [
                used(application, NOW - 10 * MINUTE, NOW - 9 * MINUTE, 300, 1000),
                used(application, NOW - 9.5 * MINUTE, NOW - 8.5 * MINUTE, 100, 4000, pod="p2"),
                used(application, NOW - 10 * MINUTE, NOW - 9 * MINUTE, 7777, component="build", service="", pod="b1"),
                used(application, NOW - 10 * MINUTE, NOW, 1000, 500, environment="production", pod="quiet", service="shop-production"),
            ]
        )
    for _ in range(2):
        async with store.transaction():
            staging = list(await store.resources.tallies(application, "staging", over))
            everything = list(await store.resources.tallies(application, None, over))
            services = await store.resources.by_service(application, over)
        first, second, *rest = over.steps()
        assert staging == [
            ResourceTally(first, "staging", 350.0, 8000, 1000 * 60.0 + 4000 * 30.0, 90.0),
            ResourceTally(second, "staging", 50.0, 8000, 4000 * 30.0, 30.0),
        ]
        production = [tally for tally in everything if tally.environment == "production"]
        assert [tally.at for tally in production] == [first, second, *rest]
        assert all(tally.cpu_ms == pytest.approx(100) and tally.instance_seconds == 60.0 for tally in production)
        assert services["shop-staging"].cpu_ms == pytest.approx(400) and services[""].cpu_ms == pytest.approx(7777)
        await store.roll(since=ALWAYS)
    hourly = Range.covering(NOW - HOUR, NOW, HOUR)
    async with store.transaction():
        (hour,) = await store.resources.tallies(application, "staging", hourly)
    assert (hour.cpu_ms, hour.memory_max, hour.instance_seconds) == (pytest.approx(400), 8000, 120.0)


async def test_the_platforms_own_use_is_nobodys(store: Store) -> None:
    service = f"auth-{new_id()}"
    over = Range(NOW - MINUTE, NOW, MINUTE)
    async with store.transaction():
        await store.resources.add([used(PLATFORM_ID, NOW - MINUTE, NOW, 12, service=service, environment="")])
        assert (await store.resources.by_service(PLATFORM_ID, over))[service].cpu_ms == pytest.approx(12)


async def test_health_is_of_one_environment_since_a_moment(store: Store) -> None:
    application = new_id()
    async with store.transaction():
        assert await store.requests.health([(application, "staging", ALWAYS)]) == [Health(0, 0, {})]
        await store.requests.add(
            [
                window(application, NOW - MINUTE, 200, 7, buckets={1: 7}),
                window(application, NOW, 500, 2, buckets={1: 1, 3: 1}),
                window(application, NOW, 503, 1, buckets={3: 1}),
                window(application, NOW, 404, 1, buckets={}),
                window(application, NOW, 500, 9, "production"),
            ]
        )
    async with store.transaction():
        since = [(application, "staging", NOW), (new_id(), "staging", NOW), (application, "staging", NOW - MINUTE)]
        assert await store.requests.health(since) == [Health(4, 3, {1: 1, 3: 2}), Health(0, 0, {}), Health(11, 3, {1: 8, 3: 2})]


async def test_markers_are_kept_once_and_found_by_time(store: Store) -> None:
    application, deployment = new_id(), new_id()
    marker = Marker(deployment, MarkerKind.SUCCEEDED, application, "staging", NOW, new_id())
    later = Marker(deployment, MarkerKind.ROLLED_BACK, application, "staging", NOW + MINUTE, None, "not-ready")
    other = Marker(new_id(), MarkerKind.FAILED, application, "production", NOW + SECOND, None, "build-failed")
    async with store.transaction():
        for each in (later, marker, other, marker):
            await store.markers.add(each)
    async with store.transaction():
        assert list(await store.markers.between(application, None, NOW, NOW + HOUR)) == [marker, other, later]
        assert list(await store.markers.between(application, "staging", NOW, NOW + MINUTE)) == [marker]
        assert await store.markers.forget(ALWAYS) == 0


@pytest.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, urls: dict[str, str], postgres: Databases) -> AsyncIterator[Database]:
    async with stored(postgres, request.param, urls) as store:
        assert store.database is not None
        yield store.database


async def test_a_rollup_reads_what_lies_below_once_and_leaves_what_is_too_old(database: Database) -> None:
    requests, rollups, application = PostgresRequests(database), PostgresRollups(database), new_id()
    over = Range(NOW - HOUR, NOW, MINUTE)

    async def count() -> int:
        async with database.transaction(read_only=True):
            return sum(tally.requests for tally in await requests.tallies(application, None, over))

    async def raw(statement: str) -> int:
        async with database.transaction() as connection:
            return (await connection.execute(statement, (application,))).rowcount  # type: ignore[arg-type]

    async with database.transaction():
        await requests.add([window(application, NOW - 30 * MINUTE, requests=5), window(application, NOW - 20 * MINUTE, requests=7)])
    async with database.transaction():
        assert await rollups.roll(ALWAYS) >= 2
    async with database.transaction():
        assert await rollups.roll(ALWAYS) == 0
    assert over.level is Level.MINUTES and await count() == 12
    assert await raw("DELETE FROM request_windows WHERE application_id = %s") == 2
    assert await count() == 12, "raw rows may go once they are summed up"

    async with database.transaction():
        await requests.add([window(application, NOW - 30 * MINUTE, requests=1)])  # too late: what it belongs to is gone
    async with database.transaction():
        assert await rollups.roll(since=NOW - 25 * MINUTE) == 0
    assert await count() == 12, "the sum that was right is not made anew of what is left"


async def test_what_comes_while_it_is_summed_up_is_not_lost(database: Database) -> None:
    requests, rollups, application = PostgresRequests(database), PostgresRollups(database), new_id()
    over = Range(NOW - HOUR, NOW, MINUTE)
    at = NOW - 10 * MINUTE
    async with database.transaction():
        await requests.add([window(application, at, requests=1)])
    other = Database(database._writing.address)
    late = PostgresRequests(other)
    async with other.transaction():
        await late.add([window(application, at, requests=2)])  # marked and not committed: the rollup sees neither

        async def roll() -> None:
            async with database.transaction():
                await rollups.roll(ALWAYS)

        await asyncio.create_task(roll(), context=contextvars.Context())
    async with database.transaction(read_only=True):
        assert sum(tally.requests for tally in await requests.tallies(application, None, over)) == 3
    async with database.transaction():
        assert await rollups.roll(ALWAYS) == 1
    async with database.transaction(read_only=True):
        assert sum(tally.requests for tally in await requests.tallies(application, None, over)) == 3
    await other.close()


def test_quantiles_of_merged_buckets_are_within_their_promise() -> None:

    chance = random.Random(3)
    times = sorted(chance.lognormvariate(3, 1) for _ in range(5000))
    buckets: dict[int, int] = {}
    for each in times:
        bucket = math.ceil(math.log2(each) * 16) - 1
        buckets[bucket] = buckets.get(bucket, 0) + 1
    for q in (0.0, 0.5, 0.95, 0.99, 1.0):
        exact = times[int(q * (len(times) - 1))]
        assert quantile(buckets, q) == pytest.approx(exact, rel=0.0225)
    assert quantile({}, 0.5) is None


async def test_the_newest_disk_usage_of_each_application_stays(store: Store) -> None:
    first, second = new_id(), new_id()
    async with store.transaction():
        await store.disks.keep([])
        assert await store.disks.of(first) is None
    old, new = DiskUsage(first, NOW - MINUTE, 1, 10, None, None), DiskUsage(first, NOW, 2, 20, 5, {"staging": 3, "production": 2**40})
    other = DiskUsage(second, NOW, 0, 0, 0, {})
    for usages in ([new, other, old], [old]):
        async with store.transaction():
            await store.disks.keep(usages)
        async with store.transaction():
            assert (await store.disks.of(first), await store.disks.of(second)) == (new, other)
    async with store.transaction():
        newest = DiskUsage(first, NOW + MINUTE, 0, 0, None, None)
        await store.disks.keep([newest])
        assert await store.disks.of(first) == newest
