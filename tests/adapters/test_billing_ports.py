"""Contracts of the stores of customers, plans and usage, and their constraints in PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from functions.billing.adapters.postgres_customers import PostgresCustomers, PostgresPlans
from functions.billing.adapters.postgres_subscriptions import PostgresSubscriptions
from functions.billing.adapters.postgres_usage import PostgresUsage
from functions.billing.domain.customers import Customer, CustomerExists
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Meter
from functions.billing.domain.subscriptions import Subscription
from functions.billing.domain.usage import EnvironmentUsage, UsageRecord
from functions.kernel import new_id
from functions.runtime.storage.database import Database
from tests.adapters.billing_stores import NOW, Store, store, url
from tests.memory.billing import SEEDED, WITH_STORAGE, WITH_STORAGE_FROM
from tests.servers import Databases

__all__ = ["store", "url"]

MAY = Period(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
APP = UUID(int=10)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    yield database
    await database.close()


def new_customer() -> Customer:
    customer, _ = Customer.create(new_id(), "ada@example.org", "free", NOW)
    return customer


def new_record(user_id: UUID, begin: datetime = NOW, requests: int = 1, environment: str = "staging") -> UsageRecord:
    return UsageRecord(new_id(), user_id, APP, environment, begin, begin + timedelta(seconds=1), requests=requests, cpu_milliseconds=10)


async def test_a_user_has_one_customer(store: Store) -> None:
    customer = new_customer()
    async with store.transaction():
        await store.customers.add(customer)
        with pytest.raises(CustomerExists):
            await store.customers.add(replace(new_customer(), user_id=customer.user_id))
        assert await store.customers.get_by_user(customer.user_id) == customer  # the transaction is still usable
    async with store.transaction():
        assert await store.customers.get_by_user(customer.user_id) == customer
        assert await store.customers.get_by_user(new_id()) is None


async def test_a_refused_customer_can_pay_only_with_an_account(store: Store) -> None:
    customer = new_customer()
    async with store.transaction():
        await store.customers.add(customer)
    for _ in range(2):
        async with store.transaction():
            await store.customers.set_account_refusal(customer.id, "no")
    async with store.transaction():
        refused = await store.customers.get(customer.id)
    assert (refused.account_refusal_reason, refused.can_pay) == ("no", False)

    async with store.transaction():
        await store.customers.set_provider_id(customer.id, f"cus_{customer.id}")
    async with store.transaction():
        await store.customers.set_account_refusal(customer.id, "too late")
        opened = await store.customers.get(customer.id)
    assert (opened.provider_id, opened.account_refusal_reason, opened.can_pay) == (f"cus_{customer.id}", None, True)


async def test_the_seeded_plans_are_stored(store: Store) -> None:
    async with store.transaction():
        for plan in SEEDED:
            assert await store.plans.get_offered(plan.code, NOW) == plan
            assert await store.plans.get(plan.code, plan.version) == plan
        for plan in WITH_STORAGE:
            assert await store.plans.get_offered(plan.code, WITH_STORAGE_FROM) == plan
        with pytest.raises(LookupError):
            await store.plans.get("free", 99)
        with pytest.raises(LookupError):
            await store.plans.get_offered("gold", NOW)


async def test_the_current_subscription_is_found(store: Store) -> None:
    customer = new_customer()
    subscription = Subscription.begin(customer, SEEDED[0], NOW)
    async with store.transaction():
        await store.customers.add(customer)
        assert await store.subscriptions.get_current(customer.id) is None
        await store.subscriptions.add(subscription)
    async with store.transaction():
        assert await store.subscriptions.get_current(customer.id) == subscription


async def test_usage_records_count_once_in_their_hour_and_period(store: Store) -> None:
    user = new_id()
    first = new_record(user, requests=3)
    async with store.transaction():
        assert await store.usage.record(first)
        assert not await store.usage.record(first)
        assert await store.usage.record(new_record(user, NOW + timedelta(minutes=10), 4))
        assert await store.usage.record(new_record(user, NOW + timedelta(hours=5), 5))
        assert await store.usage.record(new_record(user, MAY.begin, 6, "production"))
        assert await store.usage.record(new_record(user, MAY.begin - timedelta(microseconds=1), 100))
        assert await store.usage.record(new_record(user, MAY.end, 100))
        assert await store.usage.record(new_record(new_id(), NOW, 100))
    async with store.transaction():
        assert list(await store.usage.by_environment(user, MAY)) == [
            EnvironmentUsage(APP, "production", new_record(user, MAY.begin).end, requests=6, cpu_milliseconds=10),
            EnvironmentUsage(APP, "staging", new_record(user, NOW + timedelta(hours=5)).end, requests=12, cpu_milliseconds=30),
        ]


async def test_the_total_is_that_of_all_applications(store: Store) -> None:
    user, others = new_id(), [new_id() for _ in range(3)]
    async with store.transaction():
        assert (await store.usage.total(user, MAY)).requests == 0
        for application in (APP, *others):
            await store.usage.record(replace(new_record(user, requests=3), application_id=application))
        await store.usage.record(new_record(user, NOW + timedelta(days=2), 5))
        await store.usage.record(new_record(user, MAY.end, 100))
        await store.usage.record(new_record(new_id(), NOW, 100))
    async with store.transaction():
        total, lines = await store.usage.total(user, MAY), await store.usage.by_environment(user, MAY)
        assert (total.requests, total.cpu_milliseconds) == (17, 50)
        assert [sum(each.of(meter) for each in lines) for meter in Meter] == [total.of(meter) for meter in Meter]


async def test_pruning_ids_keeps_the_sums(store: Store) -> None:
    user = new_id()
    old, young = new_record(user, NOW - timedelta(days=10), 2), new_record(user, NOW, 3)
    async with store.transaction():
        await store.usage.record(old)
        await store.usage.record(young)
        assert await store.usage.prune_ids(NOW - timedelta(days=5)) >= 1
        assert not await store.usage.record(young)
        assert [each.requests for each in await store.usage.by_environment(user, MAY)] == [5]


async def test_concurrent_workers_create_one_customer(database: Database) -> None:
    customers, user = PostgresCustomers(database), new_id()

    async def add() -> bool:
        async with database.transaction():
            try:
                await customers.add(replace(new_customer(), user_id=user))
            except CustomerExists:
                return False
            await asyncio.sleep(0.1)
            return True

    assert sorted(await asyncio.gather(add(), add(), add())) == [False, False, True]


async def test_concurrent_workers_add_a_record_once(database: Database) -> None:
    usage, user = PostgresUsage(database), new_id()
    record = new_record(user, requests=5)

    async def add(record: UsageRecord) -> bool:
        async with database.transaction():
            is_new = await usage.record(record)
            await asyncio.sleep(0.05)
            return is_new

    assert sorted(await asyncio.gather(add(record), add(record), add(new_record(user, requests=2)))) == [False, True, True]
    async with database.transaction():
        assert [each.requests for each in await usage.by_environment(user, MAY)] == [7]


async def test_a_customer_has_one_current_subscription(database: Database) -> None:
    customer = new_customer()
    with pytest.raises(psycopg.errors.UniqueViolation):
        async with database.transaction():
            await PostgresCustomers(database).add(customer)
            await PostgresSubscriptions(database).add(Subscription.begin(customer, SEEDED[0], NOW))
            await PostgresSubscriptions(database).add(Subscription.begin(customer, SEEDED[1], NOW))


@pytest.mark.parametrize("statement", ["UPDATE plans SET fee_minor = 1", "DELETE FROM price_tiers", "UPDATE prices SET included_units = 0"])
async def test_offered_plans_cannot_be_changed(database: Database, statement: str) -> None:
    with pytest.raises(psycopg.errors.RestrictViolation):
        async with database.transaction() as connection:
            await connection.execute(statement)  # type: ignore[call-overload]


async def test_a_new_plan_version_is_offered_from_its_date_and_the_old_one_stays(postgres: Databases) -> None:
    fresh = Database(postgres.database("billing").functions_url)
    plans = PostgresPlans(fresh)
    async with fresh.transaction() as connection:
        await connection.execute("INSERT INTO plans VALUES ('pro', 3, 'Pro', 2500, 'EUR', %s)", (NOW,))
        await connection.execute(
            "INSERT INTO prices SELECT plan_code, 3, meter, included_units FROM prices WHERE plan_code = 'pro' AND plan_version = 2"
        )
        await connection.execute(
            "INSERT INTO price_tiers SELECT plan_code, 3, meter, position, up_to, amount_minor, per_units FROM price_tiers"
            " WHERE plan_code = 'pro' AND plan_version = 2"
        )
        await connection.execute("INSERT INTO entitlements VALUES ('pro', 3, 30, 20000)")
        await connection.execute("INSERT INTO storage_entitlements VALUES ('pro', 3, 30, 51200, 50, 102400, 1000, 204800)")
    async with fresh.transaction():
        assert (await plans.get_offered("pro", NOW - timedelta(seconds=1))).version == 1
        assert (await plans.get_offered("pro", NOW)).fee.amount == 2500
        assert await plans.get("pro", 1) == SEEDED[1]
    await fresh.close()
