"""One suite over subscriptions, invoices, payments, credit notes, the ledger and webhook_events, in memory and in PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from functions.billing.domain.credit_notes import CreditNote
from functions.billing.domain.invoices import Purpose
from functions.billing.domain.ledger import Transaction, TransactionKind
from functions.billing.domain.money import Money
from functions.billing.domain.rejections import ChangeInProgress, InvoiceNotFound
from functions.billing.domain.subscriptions import RatedPeriod
from functions.kernel import Transient, new_id
from functions.runtime.storage.database import Database
from tests.adapters.billing_stores import BUSINESS, FAILED, FREE_PLAN, NOW, PRO, Store, a_number
from tests.servers import Databases


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


async def test_plans_on_offer_are_the_newest_of_each_the_cheapest_first(store: Store) -> None:
    async with store.transaction():
        assert list(await store.plans.list_offered(NOW)) == [FREE_PLAN, PRO, BUSINESS]


async def test_what_the_provider_calls_a_customer_is_kept_once_and_the_method_each_time(store: Store) -> None:
    customer, _ = await store.customer()
    first = f"cus_{customer.id}"
    async with store.transaction():
        for name in (first, "cus_another"):
            await store.customers.set_provider_id(customer.id, name)
        for method in ("pm_1", "pm_2"):
            await store.customers.set_payment_method(customer.id, method)
        assert await store.customers.get(customer.id) == replace(customer, provider_id=first, payment_method="pm_2")
        with pytest.raises(LookupError):
            await store.customers.get(new_id())


async def test_a_subscription_comes_back_as_it_was_saved_and_a_stale_one_is_noticed(store: Store) -> None:
    customer, subscription = await store.customer()
    stale = replace(subscription)
    subscription.upgrade(PRO.code, PRO.version, subscription.current_period, NOW + timedelta(hours=1))
    subscription.schedule_plan(FREE_PLAN)
    subscription.mark_past_due()
    async with store.transaction():
        await store.subscriptions.save(subscription)
        assert await store.subscriptions.get_current(customer.id) == subscription
        assert await store.subscriptions.lock(customer.id) == subscription
    with pytest.raises(Transient):
        async with store.transaction():
            await store.subscriptions.save(stale)


async def test_periods_that_are_over_are_found_the_oldest_first(store: Store) -> None:
    _, subscription = await store.customer()
    _, older = await store.customer()
    older.billed_until -= timedelta(days=3)
    async with store.transaction():
        await store.subscriptions.save(older)
        before = [each.id for each in await store.subscriptions.list_ended(older.billed_until, 1000)]
        after = [each.id for each in await store.subscriptions.list_ended(subscription.billed_until, 1000)]
    assert older.id in before and subscription.id not in before
    assert after.index(older.id) < after.index(subscription.id)


async def test_the_last_rated_period_is_kept_with_what_was_charged(store: Store) -> None:
    _, subscription = await store.customer()
    async with store.transaction():
        assert await store.subscriptions.get_last_rated_period(subscription.id) is None
        rated = RatedPeriod(subscription.id, subscription.current_period, "pro", 1, Money(80, "EUR"))
        await store.subscriptions.save_rated_period(rated)
        rated.charged = Money(120, "EUR")
        await store.subscriptions.save_rated_period(rated)
        assert await store.subscriptions.get_last_rated_period(subscription.id) == rated


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
        assert await store.invoices.get_pending_upgrade(subscription.id) == invoice
    with pytest.raises(ChangeInProgress):
        await store.invoice(subscription, purpose=Purpose.UPGRADE)
    invoice.void(NOW)
    async with store.transaction():
        await store.invoices.save(invoice)
        assert await store.invoices.get_pending_upgrade(subscription.id) is None
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
        first = await store.invoices.list_issued(customer.id, before=None, limit=2)
        assert list(first) == invoices[:0:-1]
        assert list(await store.invoices.list_issued(customer.id, before=first[-1].id, limit=2)) == invoices[:1]
        assert await store.invoices.has_open(customer.id)
        for invoice in invoices:
            invoice.paid(NOW)
            await store.invoices.save(invoice)
        assert not await store.invoices.has_open(customer.id)


async def test_numbers_of_a_series_count_up(store: Store) -> None:
    series = f"s{new_id().hex[-8:]}"
    async with store.transaction():
        assert [await store.invoices.reserve_number(series) for _ in range(3)] == [f"{series}-{count:06}" for count in (1, 2, 3)]


async def test_a_payment_comes_back_and_one_of_an_invoice_is_pending(store: Store) -> None:
    customer, subscription = await store.customer()
    invoice = await store.invoice(subscription, a_number())
    payment = await store.payment(invoice)
    async with store.transaction():
        assert await store.payments.get(payment.id) == payment
        assert await store.payments.get(new_id()) is None
    with pytest.raises(ChangeInProgress):
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
        assert await store.payments.get_last_attempt(invoice.id) == await store.payments.get_latest(customer.id) == second


async def test_what_has_no_outcome_for_long_is_found(store: Store) -> None:
    _, subscription = await store.customer()
    old = await store.payment(await store.invoice(subscription, a_number()), at=NOW - timedelta(hours=1))
    _, another = await store.customer()
    young = await store.payment(await store.invoice(another, a_number()))
    async with store.transaction():
        found = [each.id for each in await store.payments.list_pending(NOW, 1000)]
    assert old.id in found and young.id not in found


async def test_a_retry_that_was_missed_is_found_while_the_invoice_is_open(store: Store) -> None:
    _, subscription = await store.customer()
    invoice = await store.invoice(subscription, a_number())
    payment = await store.payment(invoice, answer=FAILED)
    payment.schedule_retry(NOW, NOW)

    async def missed(at: datetime) -> list[UUID]:
        async with store.transaction():
            return [each.invoice_id for each in await store.payments.list_due_retries(at, 1000)]

    async with store.transaction():
        await store.payments.save(payment)
    late = NOW + timedelta(days=1, minutes=10)
    assert invoice.id not in await missed(NOW) and invoice.id in await missed(late)
    second = await store.payment(invoice, 2, FAILED)
    assert invoice.id not in await missed(late)
    second.schedule_retry(NOW, NOW)
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
        assert list(await store.credits.list_for_invoice(invoice.id)) == [note]
        assert note.id in [each.id for each in await store.credits.list_pending(NOW + timedelta(hours=1), 1000)]
        note.settle(f"re_{note.id}", None, NOW)
        await store.credits.save(note)
        assert await store.credits.get(note.id) == note
        assert note.id not in [each.id for each in await store.credits.list_pending(NOW + timedelta(hours=1), 1000)]


async def test_the_books_add_up_by_account(store: Store) -> None:
    customer, subscription = await store.customer()
    invoice = await store.invoice(subscription, a_number())
    payment = await store.payment(invoice)
    async with store.transaction():
        await store.ledger.post(Transaction.of(TransactionKind.INVOICE_ISSUED, invoice.id, customer.id, Money(2000, "EUR"), NOW))
        await store.ledger.post(Transaction.of(TransactionKind.PAYMENT_RECEIVED, payment.id, customer.id, Money(1500, "EUR"), NOW))
    async with store.transaction():
        assert await store.ledger.balance(customer.id) == {("receivable", "EUR"): 500, ("revenue", "EUR"): -2000, ("provider", "EUR"): 1500}
        assert await store.ledger.balance(new_id()) == {}


async def test_a_fact_is_booked_once(store: Store) -> None:
    customer, _ = await store.customer()
    reference = new_id()
    with pytest.raises((psycopg.errors.UniqueViolation, ValueError)):
        async with store.transaction():
            for _ in range(2):
                await store.ledger.post(Transaction.of(TransactionKind.INVOICE_ISSUED, reference, customer.id, Money(1, "EUR"), NOW))


async def test_a_notice_is_new_once(store: Store) -> None:
    id = f"evt_{new_id().hex}"
    async with store.transaction():
        assert await store.webhook_events.add(id, "payment_intent.succeeded", NOW)
        assert not await store.webhook_events.add(id, "payment_intent.succeeded", NOW)
        assert await store.webhook_events.prune(NOW + timedelta(seconds=1)) >= 1
        assert await store.webhook_events.add(id, "payment_intent.succeeded", NOW)
