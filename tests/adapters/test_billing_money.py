"""One suite over subscriptions, invoices, payments, credit notes, the ledger and notices, in memory and in PostgreSQL; and what only a database
can promise: that nothing issued or booked is ever changed, that the books balance, that numbers have no gap."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from functions.billing.adapters.memory import SEEDED, MemoryCustomers, MemoryPlans
from functions.billing.adapters.memory_money import MemoryCredits, MemoryInvoices, MemoryLedger, MemoryNotices, MemoryPayments, MemorySubscriptions
from functions.billing.adapters.postgres import PostgresCustomers, PostgresPlans
from functions.billing.adapters.postgres_invoices import PostgresCredits, PostgresInvoices
from functions.billing.adapters.postgres_payments import PostgresLedger, PostgresNotices, PostgresPayments
from functions.billing.adapters.postgres_subscriptions import PostgresSubscriptions
from functions.billing.domain import charges
from functions.billing.domain.credits import CreditNote
from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import Invoice, Purpose
from functions.billing.domain.ledger import Fact, booked
from functions.billing.domain.money import Money
from functions.billing.domain.payments import Answer, Payment, PaymentStatus
from functions.billing.domain.rejections import ChangeUnderWay, InvoiceNotFound
from functions.billing.domain.subscriptions import RatedPeriod, Subscription
from functions.billing.ports import Credits, Customers, Invoices, Ledger, Notices, Payments, Plans, Subscriptions
from functions.kernel import Transient, new_id
from functions.runtime.database import Database
from tests.servers import Databases

NOW = datetime(2026, 5, 20, 10, 30, tzinfo=UTC)
FREE_PLAN, PRO, BUSINESS = SEEDED
FAILED = Answer(None, PaymentStatus.FAILED, failure_code="card_declined", failure_message="Your card was declined.")


class Store:
    """Billing's ports over one kind of storage. Customers are random, so that tests may share a database."""

    def __init__(self, database: Database | None) -> None:
        self.database = database
        self.customers: Customers = PostgresCustomers(database) if database else MemoryCustomers()
        self.plans: Plans = PostgresPlans(database) if database else MemoryPlans()
        self.subscriptions: Subscriptions = PostgresSubscriptions(database) if database else MemorySubscriptions()
        memory = MemoryInvoices()
        self.invoices: Invoices = PostgresInvoices(database) if database else memory
        self.payments: Payments = PostgresPayments(database) if database else MemoryPayments(memory)
        self.credits: Credits = PostgresCredits(database) if database else MemoryCredits()
        self.ledger: Ledger = PostgresLedger(database) if database else MemoryLedger()
        self.notices: Notices = PostgresNotices(database) if database else MemoryNotices()

    def transaction(self) -> AbstractAsyncContextManager[object]:
        return self.database.transaction() if self.database else nullcontext()

    async def customer(self) -> tuple[Customer, Subscription]:
        customer = Customer.of_user(new_id(), "ada@example.org", NOW)
        subscription = Subscription.begin(customer, FREE_PLAN, NOW)
        async with self.transaction():
            await self.customers.add(customer)
            await self.subscriptions.add(subscription)
        return customer, subscription

    async def invoice(self, subscription: Subscription, number: str | None = None, purpose: Purpose = Purpose.RENEWAL) -> Invoice:
        period = subscription.running_period
        invoice = Invoice.draft(purpose, subscription.customer_id, subscription.id, PRO, period, charges.fee(PRO, period), NOW)
        if number:
            invoice.issue(number, NOW)
        async with self.transaction():
            await self.invoices.add(invoice)
        return invoice

    async def payment(self, invoice: Invoice, attempt: int = 1, answer: Answer | None = None, at: datetime = NOW) -> Payment:
        payment = Payment.intend(invoice, "pm_card_visa", at, attempt)
        async with self.transaction():
            await self.payments.add(payment)
            if answer:
                payment.settle(answer, at)
                await self.payments.save(payment)
        return payment


def a_number() -> str:
    return f"test-{new_id()}"


@pytest.fixture(scope="module")
def url(postgres: Databases) -> str:
    return postgres.database("billing").functions_url


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield Store(None)
        return
    database = Database(request.getfixturevalue("url"))
    yield Store(database)
    await database.close()


@pytest.fixture
async def real(url: str) -> AsyncIterator[Store]:
    database = Database(url)
    yield Store(database)
    await database.close()


async def test_plans_on_offer_are_the_newest_of_each_the_cheapest_first(store: Store) -> None:
    async with store.transaction():
        assert list(await store.plans.on_offer(NOW)) == [FREE_PLAN, PRO, BUSINESS]


async def test_what_the_provider_calls_a_customer_is_kept_once_and_the_method_each_time(store: Store) -> None:
    customer, _ = await store.customer()
    first = f"cus_{customer.id}"
    async with store.transaction():
        for name in (first, "cus_another"):
            await store.customers.keep_provider_id(customer.id, name)
        for method in ("pm_1", "pm_2"):
            await store.customers.keep_payment_method(customer.id, method)
        assert await store.customers.get(customer.id) == replace(customer, provider_id=first, payment_method="pm_2")
        with pytest.raises(LookupError):
            await store.customers.get(new_id())


async def test_a_subscription_comes_back_as_it_was_saved_and_a_stale_one_is_noticed(store: Store) -> None:
    customer, subscription = await store.customer()
    stale = replace(subscription)
    subscription.upgrade(PRO.code, PRO.version, subscription.running_period, NOW + timedelta(hours=1))
    subscription.change_later(FREE_PLAN)
    subscription.fall_behind()
    async with store.transaction():
        await store.subscriptions.save(subscription)
        assert await store.subscriptions.running(customer.id) == subscription
        assert await store.subscriptions.locked(customer.id) == subscription
    with pytest.raises(Transient):
        async with store.transaction():
            await store.subscriptions.save(stale)


async def test_periods_that_are_over_are_found_the_oldest_first(store: Store) -> None:
    _, subscription = await store.customer()
    _, older = await store.customer()
    older.billed_until -= timedelta(days=3)
    async with store.transaction():
        await store.subscriptions.save(older)
        before = [each.id for each in await store.subscriptions.ended_before(older.billed_until, 1000)]
        after = [each.id for each in await store.subscriptions.ended_before(subscription.billed_until, 1000)]
    assert older.id in before and subscription.id not in before
    assert after.index(older.id) < after.index(subscription.id)


async def test_the_last_rated_period_is_kept_with_what_was_charged(store: Store) -> None:
    _, subscription = await store.customer()
    async with store.transaction():
        assert await store.subscriptions.last_rated(subscription.id) is None
        rated = RatedPeriod(subscription.id, subscription.running_period, "pro", 1, Money(80, "EUR"))
        await store.subscriptions.rated(rated)
        rated.charged = Money(120, "EUR")
        await store.subscriptions.rated(rated)
        assert await store.subscriptions.last_rated(subscription.id) == rated


async def test_an_invoice_comes_back_with_its_lines(store: Store) -> None:
    _, subscription = await store.customer()
    invoice = await store.invoice(subscription)
    async with store.transaction():
        assert await store.invoices.get(invoice.id) == invoice
        invoice.issue(a_number(), NOW)
        invoice.paid(NOW)
        await store.invoices.save(invoice)
        assert await store.invoices.get(invoice.id) == invoice
        with pytest.raises(InvoiceNotFound):
            await store.invoices.get(new_id())


async def test_one_upgrade_is_under_way(store: Store) -> None:
    _, subscription = await store.customer()
    invoice = await store.invoice(subscription, purpose=Purpose.UPGRADE)
    async with store.transaction():
        assert await store.invoices.under_way(subscription.id) == invoice
    with pytest.raises(ChangeUnderWay):
        await store.invoice(subscription, purpose=Purpose.UPGRADE)
    invoice.void(NOW)
    async with store.transaction():
        await store.invoices.save(invoice)
        assert await store.invoices.under_way(subscription.id) is None
    await store.invoice(subscription, purpose=Purpose.UPGRADE)


async def test_issued_invoices_are_paged_and_an_open_one_is_overdue(store: Store) -> None:
    customer, subscription = await store.customer()
    other = replace(subscription)
    invoices = []
    for month in range(3):
        other.billed_until = replace(subscription).period_at(datetime(2026, 5 + month, 25, tzinfo=UTC)).end
        invoices.append(await store.invoice(other, a_number()))
    await store.invoice(subscription, purpose=Purpose.UPGRADE)
    async with store.transaction():
        first = await store.invoices.page(customer.id, before=None, limit=2)
        assert list(first) == invoices[:0:-1]
        assert list(await store.invoices.page(customer.id, before=first[-1].id, limit=2)) == invoices[:1]
        assert await store.invoices.is_overdue(customer.id)
        for invoice in invoices:
            invoice.paid(NOW)
            await store.invoices.save(invoice)
        assert not await store.invoices.is_overdue(customer.id)


async def test_numbers_of_a_series_count_up(store: Store) -> None:
    series = f"s{new_id().hex[-8:]}"
    async with store.transaction():
        assert [await store.invoices.next_number(series) for _ in range(3)] == [f"{series}-{count:06}" for count in (1, 2, 3)]


async def test_a_payment_comes_back_and_one_of_an_invoice_is_pending(store: Store) -> None:
    customer, subscription = await store.customer()
    invoice = await store.invoice(subscription, a_number())
    payment = await store.payment(invoice)
    async with store.transaction():
        assert await store.payments.get(payment.id) == payment
        assert await store.payments.get(new_id()) is None
    with pytest.raises(ChangeUnderWay):
        await store.payment(invoice, 2)
    stale = replace(payment)
    payment.settle(FAILED, NOW)
    async with store.transaction():
        await store.payments.save(payment)
    with pytest.raises(Transient):
        async with store.transaction():
            await store.payments.save(stale)
    second = await store.payment(invoice, 2)
    async with store.transaction():
        assert await store.payments.last_of(invoice.id) == await store.payments.latest(customer.id) == second


async def test_what_has_no_outcome_for_long_is_found(store: Store) -> None:
    _, subscription = await store.customer()
    old = await store.payment(await store.invoice(subscription, a_number()), at=NOW - timedelta(hours=1))
    _, another = await store.customer()
    young = await store.payment(await store.invoice(another, a_number()))
    async with store.transaction():
        found = [each.id for each in await store.payments.unsettled(NOW, 1000)]
    assert old.id in found and young.id not in found


async def test_a_retry_that_was_missed_is_found_while_the_invoice_is_open(store: Store) -> None:
    _, subscription = await store.customer()
    invoice = await store.invoice(subscription, a_number())
    payment = await store.payment(invoice, answer=FAILED)
    payment.try_again(NOW, NOW)

    async def missed(at: datetime) -> list[UUID]:
        async with store.transaction():
            return [each.invoice_id for each in await store.payments.to_retry(at, 1000)]

    async with store.transaction():
        await store.payments.save(payment)
    late = NOW + timedelta(days=1, minutes=10)
    assert invoice.id not in await missed(NOW) and invoice.id in await missed(late)
    second = await store.payment(invoice, 2, FAILED)
    assert invoice.id not in await missed(late)
    second.try_again(NOW, NOW)
    async with store.transaction():
        await store.payments.save(second)
    assert invoice.id in await missed(late)
    invoice.paid(NOW)
    async with store.transaction():
        await store.invoices.save(invoice)
    assert invoice.id not in await missed(late)


async def test_a_credit_note_comes_back(store: Store) -> None:
    customer, subscription = await store.customer()
    invoice = await store.invoice(subscription, a_number())
    note = CreditNote(new_id(), invoice.id, customer.id, a_number(), Money(500, "EUR"), "sorry", NOW)
    async with store.transaction():
        await store.credits.add(note)
        assert list(await store.credits.of_invoice(invoice.id)) == [note]
        assert note.id in [each.id for each in await store.credits.unsettled(NOW + timedelta(hours=1), 1000)]
        note.settle(f"re_{note.id}", None, NOW)
        await store.credits.save(note)
        assert await store.credits.get(note.id) == note
        assert note.id not in [each.id for each in await store.credits.unsettled(NOW + timedelta(hours=1), 1000)]


async def test_the_books_add_up_by_account(store: Store) -> None:
    customer, subscription = await store.customer()
    invoice = await store.invoice(subscription, a_number())
    payment = await store.payment(invoice)
    async with store.transaction():
        await store.ledger.post(booked(Fact.INVOICE_ISSUED, invoice.id, customer.id, Money(2000, "EUR"), NOW))
        await store.ledger.post(booked(Fact.PAYMENT_RECEIVED, payment.id, customer.id, Money(1500, "EUR"), NOW))
    async with store.transaction():
        assert await store.ledger.balance(customer.id) == {("receivable", "EUR"): 500, ("revenue", "EUR"): -2000, ("provider", "EUR"): 1500}
        assert await store.ledger.balance(new_id()) == {}


async def test_a_fact_is_booked_once(store: Store) -> None:
    customer, _ = await store.customer()
    reference = new_id()
    with pytest.raises((psycopg.errors.UniqueViolation, ValueError)):
        async with store.transaction():
            for _ in range(2):
                await store.ledger.post(booked(Fact.INVOICE_ISSUED, reference, customer.id, Money(1, "EUR"), NOW))


async def test_a_notice_is_new_once(store: Store) -> None:
    id = f"evt_{new_id().hex}"
    async with store.transaction():
        assert await store.notices.first_seen(id, "payment_intent.succeeded", NOW)
        assert not await store.notices.first_seen(id, "payment_intent.succeeded", NOW)
        assert await store.notices.forget(NOW + timedelta(seconds=1)) >= 1
        assert await store.notices.first_seen(id, "payment_intent.succeeded", NOW)


async def test_numbers_have_no_gap_when_many_ask_and_some_give_up(real: Store) -> None:
    assert real.database is not None
    series, given = f"s{new_id().hex[-8:]}", []

    async def ask(gives_up: bool) -> None:
        assert real.database is not None
        try:
            async with real.database.transaction():
                number = await real.invoices.next_number(series)
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
            await real.subscriptions.locked(customer.id)
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
        await real.ledger.post(booked(Fact.INVOICE_ISSUED, invoice.id, customer.id, Money(2000, "EUR"), NOW))
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
    period = subscription.running_period
    invoice = Invoice.draft(Purpose.RENEWAL, subscription.customer_id, subscription.id, PRO, period, charges.fee(PRO, period), NOW)
    invoice.total = Money(1999, "EUR")
    with pytest.raises(psycopg.errors.CheckViolation, match="do not add up"):
        async with real.database.transaction():
            await real.invoices.add(invoice)
