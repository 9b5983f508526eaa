"""What only a database can promise of money: nothing issued or Transaction.of is ever changed, the books balance, numbers have no gap."""

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
from tests.adapters.billing_stores import NOW, PRO, Store, a_number
from tests.servers import Databases


@pytest.fixture(scope="module")
def url(postgres: Databases) -> str:
    return postgres.database("billing").functions_url


@pytest.fixture
async def real(url: str) -> AsyncIterator[Store]:
    database = Database(url)
    yield Store(database)
    await database.close()


async def test_numbers_have_no_gap_when_many_ask_and_some_give_up(real: Store) -> None:
    assert real.database is not None
    series, given = f"s{new_id().hex[-8:]}", []

    async def ask(gives_up: bool) -> None:
        assert real.database is not None
        try:
            async with real.database.transaction():
                number = await real.invoices.reserve_number(series)
                await asyncio.sleep(0.01)
                if gives_up:
                    raise InterruptedError
                given.append(number)
        except InterruptedError:
            pass

    await asyncio.gather(*(ask(turn % 3 == 0) for turn in range(12)))
    assert sorted(given) == [f"{series}-{count:06}" for count in range(1, 9)]


async def test_whoever_locks_the_subscription_works_alone(real: Store) -> None:
    assert real.database is not None
    customer, _ = await real.customer()
    running, most = 0, 0

    async def work() -> None:
        nonlocal running, most
        assert real.database is not None
        async with real.database.transaction():
            await real.subscriptions.lock(customer.id)
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.02)
            running -= 1

    await asyncio.gather(work(), work(), work())
    assert most == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET amount = 1",
        "DELETE FROM ledger_entries",
        "UPDATE ledger_transactions SET at = now()",
        "DELETE FROM ledger_transactions",
        "UPDATE invoice_lines SET amount = 0",
        "DELETE FROM invoice_lines",
        "DELETE FROM invoices",
        "UPDATE invoices SET number = 'another' WHERE number IS NOT NULL",
        "UPDATE invoices SET total = total + 1",
        "UPDATE invoices SET status = 'open', settled_at = NULL WHERE status = 'paid'",
        "UPDATE entitlements SET applications = 1000",
    ],
)
async def test_what_was_issued_or_booked_is_never_changed(real: Store, statement: str) -> None:
    assert real.database is not None
    customer, subscription = await real.customer()
    invoice = await real.invoice(subscription, a_number())
    invoice.paid(NOW)
    async with real.transaction():
        await real.invoices.save(invoice)
        await real.ledger.post(Transaction.of(TransactionKind.INVOICE_ISSUED, invoice.id, customer.id, Money(2000, "EUR"), NOW))
    with pytest.raises(psycopg.errors.RestrictViolation):
        async with real.database.transaction() as connection:
            await connection.execute(statement)  # type: ignore[call-overload]


@pytest.mark.parametrize("entries", [[], [100], [100, -99], [100, -100, 1]])
async def test_the_books_balance_or_nothing_is_written(real: Store, entries: list[int]) -> None:
    assert real.database is not None
    customer, _ = await real.customer()
    transaction = new_id()
    with pytest.raises(psycopg.errors.CheckViolation, match="does not balance"):
        async with real.database.transaction() as connection:
            await connection.execute("INSERT INTO ledger_transactions VALUES (%s, 'invoice-issued', %s, now())", (transaction, new_id()))
            for position, amount in enumerate(entries, 1):
                await connection.execute(
                    "INSERT INTO ledger_entries VALUES (%s, %s, 'revenue', %s, %s, 'EUR')", (transaction, position, customer.id, amount)
                )
    async with real.database.transaction():
        assert await real.ledger.balance(customer.id) == {}


async def test_the_lines_of_an_invoice_add_up_or_it_is_not_written(real: Store) -> None:
    assert real.database is not None
    _, subscription = await real.customer()
    period = subscription.current_period
    invoice = Invoice.draft(Purpose.RENEWAL, subscription.customer_id, subscription.id, PRO, period, charges.fee_lines(PRO, period), NOW)
    invoice.total = Money(1999, "EUR")
    with pytest.raises(psycopg.errors.CheckViolation, match="do not add up"):
        async with real.database.transaction():
            await real.invoices.add(invoice)
