"""Contracts of the stores of subscriptions, invoices, payments, credit notes, ledger and webhook events."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from functions.billing.domain.invoices import Invoice, InvoiceLine, LineKind, Purpose
from functions.billing.domain.ledger import Transaction, TransactionKind
from functions.billing.domain.money import Money
from functions.billing.domain.parties import Seller
from functions.billing.domain.payments import PaymentStatus, ProviderResult
from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Meter
from functions.billing.domain.rated_periods import BilledUsage, RatedPeriod
from functions.billing.domain.rejections import ChangeInProgress, InvoiceNotFound
from functions.kernel import Transient, new_id
from tests.adapters.billing_stores import BUSINESS, FAILED, FREE_PLAN, NOW, PRO, Store, balance_of, new_number, store, url

__all__ = ["store", "url"]


async def test_the_newest_version_of_each_plan_is_offered_cheapest_first(store: Store) -> None:
    async with store.transaction():
        assert list(await store.plans.list_offered(NOW)) == [FREE_PLAN, PRO, BUSINESS]


async def test_the_first_provider_id_and_the_last_payment_method_are_stored(store: Store) -> None:
    customer, _ = await store.customer()
    first = f"cus_{customer.id}"
    async with store.transaction():
        for provider_id in (first, "cus_another"):
            await store.customers.set_provider_id(customer.id, provider_id)
        for method in ("pm_1", "pm_2"):
            await store.customers.set_payment_method(customer.id, method)
        assert await store.customers.get(customer.id) == replace(customer, provider_id=first, payment_method="pm_2")
        with pytest.raises(LookupError):
            await store.customers.get(new_id())


async def test_a_subscription_is_stored_completely_and_a_stale_one_is_rejected(store: Store) -> None:
    customer, subscription = await store.customer()
    stale = replace(subscription)
    subscription.upgrade(PRO.code, PRO.version, subscription.current_period, NOW + timedelta(hours=1))
    subscription.schedule_plan(FREE_PLAN)
    subscription.suspend(NOW)
    subscription.credit_minor = 17
    subscription.set_exhausted((Meter.CPU_MILLISECONDS, Meter.REQUESTS), NOW + timedelta(days=3))
    subscription.is_announced = False
    async with store.transaction():
        await store.subscriptions.save(subscription)
        assert await store.subscriptions.get_current(customer.id) == subscription
        assert await store.subscriptions.lock(customer.id) == subscription
    with pytest.raises(Transient):
        async with store.transaction():
            await store.subscriptions.save(stale)


async def test_subscriptions_to_review_are_those_not_announced_and_those_exhausted_before(store: Store) -> None:
    _, unannounced = await store.customer()
    _, exhausted = await store.customer()
    _, neither = await store.customer()
    unannounced.is_announced = False
    exhausted.set_exhausted((Meter.REQUESTS,), NOW)
    async with store.transaction():
        await store.subscriptions.save(unannounced)
        await store.subscriptions.save(exhausted)
        ids = [each.id for each in await store.subscriptions.list_to_review(NOW, 1000)]
        earlier = [each.id for each in await store.subscriptions.list_to_review(NOW - timedelta(seconds=1), 1000)]
    assert {unannounced.id, exhausted.id} <= set(ids) and neither.id not in ids
    assert unannounced.id in earlier and exhausted.id not in earlier


async def test_a_threshold_is_recorded_once_in_a_period_and_never_backwards(store: Store) -> None:
    _, subscription = await store.customer()
    steps = [(NOW, 80), (NOW, 80), (NOW, 100), (NOW, 80), (NOW + timedelta(days=31), 80), (NOW, 100)]
    recorded = []
    for period_begin, percent in steps:
        async with store.transaction():
            recorded.append(await store.usage_notices.record(subscription.id, Meter.REQUESTS, period_begin, percent))
    assert recorded == [True, False, True, False, True, False]
    async with store.transaction():
        assert await store.usage_notices.record(subscription.id, Meter.CPU_MILLISECONDS, NOW, 80)


async def test_ended_subscriptions_are_listed_oldest_first(store: Store) -> None:
    _, subscription = await store.customer()
    _, older = await store.customer()
    older.billed_until -= timedelta(days=3)
    async with store.transaction():
        await store.subscriptions.save(older)
        before = [each.id for each in await store.subscriptions.list_ended(older.billed_until, 1000)]
        after = [each.id for each in await store.subscriptions.list_ended(subscription.billed_until, 1000)]
    assert older.id in before and subscription.id not in before
    assert after.index(older.id) < after.index(subscription.id)


async def test_a_rated_period_is_stored_with_its_billed_usage_until_it_is_closed(store: Store) -> None:
    _, subscription = await store.customer()
    earlier = Period(subscription.current_period.begin - timedelta(days=30), subscription.current_period.begin)
    rated = RatedPeriod(subscription.id, subscription.current_period, "pro", 1)
    former = RatedPeriod(subscription.id, earlier, "free", 1, {Meter.CPU_MILLISECONDS: BilledUsage(7, Money(1, "EUR"))})
    async with store.transaction():
        assert await store.rated_periods.get(subscription.id, rated.period.begin) is None
        for each in (rated, former):
            await store.rated_periods.save(each)
        assert list(await store.rated_periods.list_open(subscription.id)) == [former, rated]
        for quantity in (1, 2):
            rated.billed[Meter.REQUESTS] = BilledUsage(quantity, Money(80, "EUR"))
            await store.rated_periods.save(rated)
        former.is_open = False
        await store.rated_periods.save(former)
        assert list(await store.rated_periods.list_open(subscription.id)) == [rated]
        assert await store.rated_periods.get(subscription.id, earlier.begin) == former


async def test_an_invoice_is_stored_with_its_lines(store: Store) -> None:
    customer, subscription = await store.customer()
    invoice = await store.invoice(subscription)
    async with store.transaction():
        assert await store.invoices.get(invoice.id) == invoice
        invoice.issue(new_number(), customer, Seller(), NOW)
        invoice.mark_paid(NOW)
        await store.invoices.save(invoice)
        assert await store.invoices.get(invoice.id) == invoice
        with pytest.raises(InvoiceNotFound):
            await store.invoices.get(new_id())


@pytest.mark.parametrize("kind", list(LineKind))
@pytest.mark.parametrize("purpose", list(Purpose))
async def test_every_kind_of_line_and_purpose_is_stored(store: Store, kind: LineKind, purpose: Purpose) -> None:
    _, subscription = await store.customer()
    period, meter = subscription.current_period, Meter.REQUESTS if kind in (LineKind.USAGE, LineKind.LATE_USAGE) else None
    line = InvoiceLine(kind, "A line", 7, Money(100, "EUR"), period, meter)
    invoice = Invoice.draft(purpose, subscription.customer_id, subscription.id, PRO, period, [line], NOW)
    async with store.transaction():
        await store.invoices.add(invoice)
        assert await store.invoices.get(invoice.id) == invoice


async def test_a_subscription_has_one_pending_upgrade(store: Store) -> None:
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


async def test_issued_invoices_are_paged_and_open_ones_are_found(store: Store) -> None:
    customer, subscription = await store.customer()
    other = replace(subscription)
    invoices = []
    for month in range(3):
        other.billed_until = replace(subscription).period_at(datetime(2026, 5 + month, 25, tzinfo=UTC)).end
        invoices.append(await store.invoice(other, new_number()))
    await store.invoice(subscription, purpose=Purpose.UPGRADE)
    async with store.transaction():
        page = await store.invoices.list_issued(customer.id, before=None, limit=2)
        assert list(page) == invoices[:0:-1]
        assert list(await store.invoices.list_issued(customer.id, before=page[-1].id, limit=2)) == invoices[:1]
        assert list(await store.invoices.list_for_period(customer.id, invoices[0].period)) == invoices[:1]
        assert await store.invoices.has_open(customer.id)
        assert list(await store.invoices.list_open(customer.id)) == invoices
        for invoice in invoices:
            invoice.mark_paid(NOW)
            await store.invoices.save(invoice)
        assert not await store.invoices.has_open(customer.id)


async def test_numbers_of_a_series_are_consecutive(store: Store) -> None:
    series = f"s{new_id().hex[-8:]}"
    async with store.transaction():
        assert [await store.invoices.reserve_number(series) for _ in range(3)] == [f"{series}-{count:06}" for count in (1, 2, 3)]


async def test_a_payment_is_stored_and_an_invoice_has_one_pending(store: Store) -> None:
    customer, subscription = await store.customer()
    invoice = await store.invoice(subscription, new_number())
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


async def test_old_pending_payments_are_listed(store: Store) -> None:
    _, subscription = await store.customer()
    old = await store.payment(await store.invoice(subscription, new_number()), at=NOW - timedelta(hours=1))
    _, another = await store.customer()
    young = await store.payment(await store.invoice(another, new_number()))
    async with store.transaction():
        pending = [each.id for each in await store.payments.list_pending(NOW, 1000)]
    assert old.id in pending and young.id not in pending


async def test_due_retries_of_open_invoices_are_listed(store: Store) -> None:
    _, subscription = await store.customer()
    invoice = await store.invoice(subscription, new_number())
    payment = await store.payment(invoice, result=FAILED)
    payment.schedule_retry(NOW, NOW)

    async def due_at(at: datetime) -> list[UUID]:
        async with store.transaction():
            return [each.invoice_id for each in await store.payments.list_due_retries(at, 1000)]

    async with store.transaction():
        await store.payments.save(payment)
    late = NOW + timedelta(days=1, minutes=10)
    assert invoice.id not in await due_at(NOW) and invoice.id in await due_at(late)
    second = await store.payment(invoice, 2, FAILED)
    assert invoice.id not in await due_at(late)
    second.schedule_retry(NOW, NOW)
    async with store.transaction():
        await store.payments.save(second)
    assert invoice.id in await due_at(late)
    invoice.mark_paid(NOW)
    async with store.transaction():
        await store.invoices.save(invoice)
    assert invoice.id not in await due_at(late)


async def test_a_payment_is_found_by_its_id_at_the_provider(store: Store) -> None:
    _, subscription = await store.customer()
    intent = f"pi_{new_id().hex}"
    payment = await store.payment(await store.invoice(subscription, new_number()), result=ProviderResult(intent, PaymentStatus.SUCCEEDED))
    async with store.transaction():
        assert await store.payments.get_by_provider_id(intent) == payment
        assert await store.payments.get_by_provider_id("pi_unknown") is None


@pytest.mark.parametrize("kind", list(TransactionKind))
async def test_every_kind_of_transaction_is_stored(store: Store, kind: TransactionKind) -> None:
    customer, _ = await store.customer()
    async with store.transaction():
        await store.ledger.post(Transaction.of(kind, new_id(), customer.id, Money(7, "EUR"), NOW))
    async with store.transaction():
        assert sorted((await balance_of(store, customer.id)).values()) == [-7, 7]


async def test_the_ledger_sums_by_account(store: Store) -> None:
    customer, subscription = await store.customer()
    invoice = await store.invoice(subscription, new_number())
    payment = await store.payment(invoice)
    async with store.transaction():
        await store.ledger.post(Transaction.of(TransactionKind.INVOICE_ISSUED, invoice.id, customer.id, Money(2000, "EUR"), NOW))
        await store.ledger.post(Transaction.of(TransactionKind.PAYMENT_RECEIVED, payment.id, customer.id, Money(1500, "EUR"), NOW))
    async with store.transaction():
        assert await balance_of(store, customer.id) == {("receivable", "EUR"): 500, ("revenue", "EUR"): -2000, ("provider", "EUR"): 1500}
        assert await balance_of(store, new_id()) == {}


async def test_a_transaction_kind_is_posted_once_per_reference(store: Store) -> None:
    customer, _ = await store.customer()
    reference = new_id()
    with pytest.raises((psycopg.errors.UniqueViolation, ValueError)):
        async with store.transaction():
            for _ in range(2):
                await store.ledger.post(Transaction.of(TransactionKind.INVOICE_ISSUED, reference, customer.id, Money(1, "EUR"), NOW))


async def test_a_webhook_event_is_added_once(store: Store) -> None:
    id = f"evt_{new_id().hex}"
    async with store.transaction():
        assert await store.webhook_events.add(id, "payment_intent.succeeded", NOW)
        assert not await store.webhook_events.add(id, "payment_intent.succeeded", NOW)
        assert await store.webhook_events.prune(NOW + timedelta(seconds=1)) >= 1
        assert await store.webhook_events.add(id, "payment_intent.succeeded", NOW)
