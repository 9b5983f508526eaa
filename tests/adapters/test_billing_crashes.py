"""A crash at any point of a renewal in PostgreSQL: nothing of it is stored, and the repetition bills everything once."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from functions.billing.adapters.postgres_usage import PostgresUsage
from functions.billing.domain.parties import Seller
from functions.billing.domain.payment_policy import PaymentPolicy
from functions.billing.domain.subscriptions import PeriodEnded
from functions.billing.domain.usage import UsageRecord
from functions.billing.handlers.on_period_ended import on_period_ended
from functions.billing.services.invoicing import Invoicing
from functions.kernel import new_id
from functions.runtime.storage.database import Database
from tests.adapters.billing_stores import NOW, PRO, Store
from tests.capsule import FixedClock
from tests.servers import Databases

POINTS = (
    *("rated_periods.save", "invoices.reserve_number", "invoices.add", "ledger.post", "subscriptions.save", "payments.add"),
    "commit",
)


@pytest.fixture(scope="module")
def url(postgres: Databases) -> str:
    return postgres.database("billing").functions_url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    yield database
    await database.close()


class Crash(Exception):
    """The process dies."""


@pytest.mark.parametrize("point", POINTS)
async def test_a_crash_during_a_renewal_leaves_nothing_and_is_repaired(database: Database, point: str) -> None:
    store, usage = Store(database), PostgresUsage(database)
    customer, subscription = await store.customer()
    subscription.upgrade(PRO.code, PRO.version, subscription.current_period, NOW)
    ended = subscription.billed_until
    clock = FixedClock(ended + timedelta(hours=1))

    async def record(requests: int) -> None:
        async with database.transaction():
            await usage.record(UsageRecord(new_id(), customer.user_id, uuid4(), "production", NOW, NOW + timedelta(seconds=1), requests=requests))

    async with database.transaction():
        await store.subscriptions.save(subscription)
    await record(4_000_000)

    async def renew(dies_at: str | None = None) -> None:
        """Handle the event in one transaction, as the runtime does."""
        invoicing = Invoicing(store.invoices, store.payments, store.ledger, store.plans, store.rated_periods, usage, Seller())
        event = PeriodEnded(subscription_id=subscription.id, customer_id=customer.id, period_end=ended)
        if dies_at and dies_at != "commit":
            _die(store, dies_at)
        async with database.transaction():
            stores = (store.customers, store.subscriptions, store.plans, store.invoices, store.payments)
            await on_period_ended(event, *stores, invoicing, PaymentPolicy(is_on=True), clock)
            if dies_at == "commit":
                raise Crash

    async def state() -> Any:
        async with database.transaction() as connection:
            rows = await connection.execute(
                """
                SELECT (SELECT count(*) FROM invoices WHERE customer_id = %(id)s), (SELECT count(*) FROM ledger_entries WHERE customer_id = %(id)s),
                    (SELECT count(*) FROM payments WHERE customer_id = %(id)s),
                    (SELECT count(*) FROM rated_periods WHERE subscription_id = %(subscription)s)
                """,
                {"id": customer.id, "subscription": subscription.id},
            )
            return await rows.fetchone()

    with pytest.raises(Crash):
        await renew(dies_at=point)
    assert await state() == (0, 0, 0, 0)
    await record(1_000_000)  # arrives between the crash and the repetition
    for _ in range(2):
        await renew()
    assert await state() == (1, 2, 1, 1)
    async with database.transaction():
        (invoice,) = await store.invoices.list_open(customer.id)
    assert [(line.quantity, line.amount.amount) for line in invoice.lines] == [(5_000_000, 120), (1, 2000)]


def _die(store: Store, point: str) -> None:
    """Die in the next call of a method, after it has written."""
    name, method = point.split(".")
    adapter = getattr(store, name)
    work = getattr(adapter, method)

    async def die(*arguments: Any) -> None:
        delattr(adapter, method)
        await work(*arguments)
        raise Crash

    setattr(adapter, method, die)
