"""Usage of applications that change their owner, on memory and on PostgreSQL: each record is paid once, by the owner at its begin."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from functions.billing.domain.periods import Period
from functions.billing.domain.transfers import Transfer, owner_at
from functions.billing.domain.usage import UsageRecord
from functions.kernel import new_id
from functions.runtime.storage.database import Database
from tests.adapters.billing_stores import NOW, Store
from tests.servers import Databases

PERIOD = Period(NOW - timedelta(days=5), NOW + timedelta(days=5))


@pytest.fixture(scope="module")
def url(postgres: Databases) -> str:
    return str(postgres.database("billing").functions_url)


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield Store(None)
        return
    database = Database(request.getfixturevalue("url"))
    yield Store(database)
    await database.close()


async def record(store: Store, found: UsageRecord) -> None:
    """As `on_usage_measured` does."""
    async with store.transaction():
        owner = await store.usage.owner_at(found.application_id, found.begin)
        values: dict[str, Any] = {name: getattr(found, name) for name in UsageRecord.__dataclass_fields__}
        await store.usage.record(UsageRecord(**{**values, "user_id": owner or found.user_id}))


async def transfer(store: Store, each: Transfer) -> None:
    async with store.transaction():
        await store.usage.transfer(each)


async def sums(store: Store, owners: list[UUID]) -> list[tuple[int, int]]:
    async with store.transaction():
        used = [await store.usage.by_environment(each, PERIOD) for each in owners]
        totals = [await store.usage.total(each, PERIOD) for each in owners]
    found = [(sum(each.requests for each in found), sum(each.cpu_milliseconds for each in found)) for found in used]
    assert [(each.requests, each.cpu_milliseconds) for each in totals] == found, "the totals follow a transfer as the lines do"
    return found


@pytest.mark.parametrize("seed", range(4))
async def test_each_record_is_paid_by_the_owner_at_its_begin_in_any_order(store: Store, seed: int) -> None:
    random, application, owners = Random(seed), new_id(), [new_id() for _ in range(3)]
    at = [NOW + timedelta(minutes=minutes) for minutes in (-37, 3, 61)]
    transfers = [
        Transfer(application, each, owners[index % 3], owners[(index + 1) % 3]) for index, each in enumerate(at)
    ]  # fmt: skip
    records = []
    for number in range(60):
        begin = NOW + timedelta(minutes=random.randint(-100, 120), seconds=random.randint(0, 59))
        environment, cpu = random.choice(["production", "staging"]), random.choice([0, 1_000 + number])
        attributed = random.choice(owners) if begin > at[0] else owners[0]
        used = {"requests": 2**number % 997, "cpu_milliseconds": cpu, "volume_mib_seconds": number}
        records.append(UsageRecord(new_id(), attributed, application, environment, begin, begin + timedelta(seconds=10), **used))
    steps: list[UsageRecord | Transfer] = [*records, *transfers, *random.sample(records, 10), *transfers]
    random.shuffle(steps)
    for each in steps:
        await (transfer(store, each) if isinstance(each, Transfer) else record(store, each))

    expected = []
    for owner in owners:
        own = [each for each in records if owner_at(transfers, each.begin) == owner]
        expected.append((sum(each.requests for each in own), sum(each.cpu_milliseconds for each in own)))
    assert await sums(store, owners) == expected


async def test_an_application_that_never_moved_belongs_to_whom_its_records_name(store: Store) -> None:
    async with store.transaction():
        assert await store.usage.owner_at(new_id(), NOW) is None


async def test_a_record_that_arrives_with_its_transfer_is_not_missed(url: str) -> None:
    database = Database(url)
    store = Store(database)
    for delay in itertools.chain(*([0.0, 0.01] for _ in range(5))):
        application, former, owner = new_id(), new_id(), new_id()
        late = UsageRecord(new_id(), former, application, "production", NOW, NOW + timedelta(seconds=10), requests=5)

        async def moved(wait: float, each: Transfer) -> None:
            await asyncio.sleep(wait)
            await transfer(store, each)

        await asyncio.gather(record(store, late), moved(delay, Transfer(application, NOW - timedelta(seconds=1), former, owner)))
        assert await sums(store, [former, owner]) == [(0, 0), (5, 0)]
    await database.close()
