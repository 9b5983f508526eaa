"""Constraints of the billing database: issued and posted rows never change, the ledger balances, numbers have no gap."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from functions.billing.domain import charges
from functions.billing.domain.invoices import Invoice, Purpose
from functions.billing.domain.ledger import Transaction, TransactionKind
from functions.billing.domain.money import Money
from functions.kernel import new_id
from functions.runtime.storage.database import Database
from tests.adapters.billing_stores import NOW, PRO, Store, balance_of, new_number
from tests.servers import Databases


@pytest.fixture(scope="module")
def url(postgres: Databases) -> str:
    return postgres.database("billing").functions_url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    database = Database(url)
    yield Store(database)
    await database.close()


async def test_concurrent_numbers_have_no_gap_although_some_transactions_roll_back(store: Store) -> None:
    assert store.database is not None
    series, numbers = f"s{new_id().hex[-8:]}", []

    async def reserve(rolls_back: bool) -> None:
        assert store.database is not None
        try:
            async with store.database.transaction():
                number = await store.invoices.reserve_number(series)
                await asyncio.sleep(0.01)
                if rolls_back:
                    raise InterruptedError
                numbers.append(number)
        except InterruptedError:
            pass

    await asyncio.gather(*(reserve(index % 3 == 0) for index in range(12)))
    assert sorted(numbers) == [f"{series}-{count:06}" for count in range(1, 9)]


async def test_the_lock_of_a_subscription_is_exclusive(store: Store) -> None:
    assert store.database is not None
    customer, _ = await store.customer()
    running, max_running = 0, 0

    async def work() -> None:
        nonlocal running, max_running
        assert store.database is not None
        async with store.database.transaction():
            await store.subscriptions.lock(customer.id)
            running += 1
            max_running = max(max_running, running)
            await asyncio.sleep(0.02)
            running -= 1

    await asyncio.gather(work(), work(), work())
    assert max_running == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET amount_minor = 1",
        "DELETE FROM ledger_entries",
        "UPDATE ledger_transactions SET occurred_at = now()",
        "DELETE FROM ledger_transactions",
        "UPDATE invoice_lines SET amount_minor = 0",
        "DELETE FROM invoice_lines",
        "DELETE FROM invoices",
        "UPDATE invoices SET number = 'another' WHERE number IS NOT NULL",
        "UPDATE invoices SET total_minor = total_minor + 1",
        "UPDATE invoices SET status = 'open', settled_at = NULL WHERE status = 'paid'",
        "UPDATE entitlements SET applications = 1000",
    ],
)
async def test_issued_and_posted_rows_cannot_be_changed(store: Store, statement: str) -> None:
    assert store.database is not None
    customer, subscription = await store.customer()
    invoice = await store.invoice(subscription, new_number())
    invoice.mark_paid(NOW)
    async with store.transaction():
        await store.invoices.save(invoice)
        await store.ledger.post(Transaction.of(TransactionKind.INVOICE_ISSUED, invoice.id, customer.id, Money(2000, "EUR"), NOW))
    with pytest.raises(psycopg.errors.RestrictViolation):
        async with store.database.transaction() as connection:
            await connection.execute(statement)  # type: ignore[call-overload]


@pytest.mark.parametrize("entries", [[], [100], [100, -99], [100, -100, 1]])
async def test_an_unbalanced_transaction_is_rejected(store: Store, entries: list[int]) -> None:
    assert store.database is not None
    customer, _ = await store.customer()
    transaction = new_id()
    with pytest.raises(psycopg.errors.CheckViolation, match="does not balance"):
        async with store.database.transaction() as connection:
            await connection.execute("INSERT INTO ledger_transactions VALUES (%s, 'invoice-issued', %s, now())", (transaction, new_id()))
            for position, amount in enumerate(entries, 1):
                await connection.execute(
                    "INSERT INTO ledger_entries VALUES (%s, %s, 'revenue', %s, %s, 'EUR')", (transaction, position, customer.id, amount)
                )
    async with store.database.transaction():
        assert await balance_of(store, customer.id) == {}


async def test_an_invoice_whose_lines_do_not_add_up_is_rejected(store: Store) -> None:
    assert store.database is not None
    _, subscription = await store.customer()
    period = subscription.current_period
    invoice = Invoice.draft(Purpose.RENEWAL, subscription.customer_id, subscription.id, PRO, period, charges.fee_lines(PRO, period), NOW)
    invoice.total = Money(1999, "EUR")
    with pytest.raises(psycopg.errors.CheckViolation, match="do not add up"):
        async with store.database.transaction():
            await store.invoices.add(invoice)
