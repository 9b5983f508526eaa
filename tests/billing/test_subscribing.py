"""Changing the plan: upgrade, decline, downgrade, cancel, resume, refund."""

from datetime import UTC, datetime

import pytest

from events.billing import InvoiceIssued, PaymentFailed, PaymentProcessed, SubscriptionChanged
from functions.billing.domain.payments import PaymentRequested, PaymentStatus
from functions.billing.domain.rejections import (
    AlreadySubscribed,
    ChangeInProgress,
    CustomerNotFound,
    NothingToCancel,
    NothingToResume,
    PaymentMethodMissing,
    PlanNotOffered,
    RefundTooLarge,
    RenewalInProgress,
)
from tests.billing.world import OTHER, World
from tests.memory.billing_provider import DECLINED_WHEN_CHARGED, SLOW


async def test_an_upgrade_starts_when_its_payment_succeeds(world: World) -> None:
    await world.register()
    accepted = await world.subscribe("pro")
    assert (accepted.status, accepted.plan, accepted.due and accepted.due.amount) == ("pending", "pro", 2000)
    before = await world.subscription()
    assert (before.plan, before.allowed.applications, before.next and before.next.pending) == ("free", 5, True)

    await world.settle()
    after = await world.subscription()
    assert (after.plan, after.status, after.allowed.applications, after.next) == ("pro", "active", 25, None)
    assert (after.period.begin, after.period.end) == (datetime(2026, 5, 20, tzinfo=UTC), datetime(2026, 6, 20, tzinfo=UTC))
    (processed,) = world.events(PaymentProcessed)
    (changed,) = world.events(SubscriptionChanged)
    assert (processed.amount, processed.currency, processed.plan) == (2000, "EUR", "pro")
    assert (changed.plan, changed.allowed.applications, changed.allowed.memory_mib) == ("pro", 25, 16_384)
    (invoice,) = (await world.list_invoices()).items
    assert (invoice.number, invoice.status, invoice.total.amount) == ("2026-000001", "paid", 2000)
    assert await world.balance() == {"receivable": 0, "revenue": -2000, "provider": 2000}
    assert [kind for kind, _ in world.mailer.sent] == ["invoice"] and world.mailer.attachments == [b"%PDF"]


async def test_a_declined_upgrade_changes_nothing_and_uses_no_invoice_number(world: World) -> None:
    await world.register()
    await world.subscribe("pro", DECLINED_WHEN_CHARGED)
    await world.settle()
    subscription = await world.subscription()
    assert (subscription.plan, subscription.status, subscription.next) == ("free", "active", None)
    assert subscription.last_payment
    assert (subscription.last_payment.status, subscription.last_payment.reason) == ("failed", "card_declined")
    (failed,) = world.events(PaymentFailed)
    assert (failed.reason, failed.retry_at) == ("card_declined", None) and not world.events(SubscriptionChanged)
    assert (await world.list_invoices()).items == [] and await world.balance() == {}
    assert [kind for kind, _ in world.mailer.sent] == ["failed"]

    await world.subscribe("pro")
    await world.settle()
    assert [invoice.number for invoice in (await world.list_invoices()).items] == ["2026-000001"]


async def test_repeated_payment_requests_record_the_outcome_once(world: World) -> None:
    await world.register()
    await world.subscribe("pro")
    (requested,) = world.events(PaymentRequested)
    for _ in range(3):
        await world.publish(requested)
    await world.settle()
    assert len(world.events(PaymentProcessed)) == len(world.events(InvoiceIssued)) == len(world.events(SubscriptionChanged)) == 1
    assert len(world.provider.charges) == 1


async def test_an_outcome_recorded_during_the_call_to_the_provider_is_not_recorded_again(world: World) -> None:
    """Two deliveries charge at the same time. The second finds the outcome of the first under the lock and does nothing."""
    await world.register()
    await world.subscribe("pro")
    (requested,) = world.events(PaymentRequested)
    charge, calls = world.provider.charge, []

    async def charge_while_another_delivery_finishes(payment, customer):  # type: ignore[no-untyped-def]
        result = await charge(payment, customer)
        calls.append(payment.id)
        if len(calls) == 1:
            await world.publish(requested)
        return result

    world.provider.charge = charge_while_another_delivery_finishes  # type: ignore[method-assign]
    await world.settle()

    assert len(calls) >= 2 and len(world.provider.charges) == 1
    assert not world.capsule.dead_letters and not world.capsule.reminders()
    assert len(world.events(PaymentProcessed)) == len(world.events(InvoiceIssued)) == len(world.events(SubscriptionChanged)) == 1
    assert await world.balance() == {"receivable": 0, "revenue": -2000, "provider": 2000}


async def test_a_late_outcome_is_recorded_after_a_webhook(world: World) -> None:
    await world.register()
    await world.subscribe("pro", SLOW)
    await world.settle()
    (payment,) = world.payments.payments.values()
    assert payment.is_pending and (await world.subscription()).plan == "free"
    with pytest.raises(ChangeInProgress):
        await world.subscribe("business")

    world.provider.set_outcome(payment, PaymentStatus.SUCCEEDED)
    await world.publish(PaymentRequested(payment_id=payment.id))  # as the webhook does
    assert (await world.subscription()).plan == "pro"


async def test_housekeeping_settles_a_payment_whose_messages_were_lost(world: World) -> None:
    await world.register()
    world.provider.is_unavailable = True
    await world.subscribe("pro")
    await world.settle()
    world.lose_timers()
    (payment,) = world.payments.payments.values()
    assert payment.is_pending

    world.provider.is_unavailable = False
    await world.wait(minutes=4)
    assert (await world.subscription()).plan == "free"
    await world.wait(minutes=2)
    assert (await world.subscription()).plan == "pro"


async def test_an_upgrade_within_a_period_costs_the_difference_for_the_rest_of_it(world: World) -> None:
    await world.subscribed("pro")
    await world.wait(until=datetime(2026, 6, 4, 12, tzinfo=UTC))  # half of the 31 days
    accepted = await world.subscribe("business", None)
    assert accepted.due and accepted.due.amount == 5000 - 1000
    await world.settle()
    subscription = await world.subscription()
    assert (subscription.plan, subscription.period.begin) == ("business", datetime(2026, 5, 20, tzinfo=UTC))
    assert subscription.period.end == datetime(2026, 6, 20, tzinfo=UTC)
    newest = (await world.list_invoices()).items[0]
    lines = (await world.invoices.get(newest.invoice_id)).lines
    assert [(line.kind, line.amount.amount) for line in lines] == [("proration", -1000), ("proration", 5000)]


async def test_a_downgrade_takes_effect_at_the_end_of_the_period(world: World) -> None:
    await world.subscribed("business")
    accepted = await world.subscribe("pro", None)
    assert (accepted.status, accepted.takes_effect_at) == ("scheduled", datetime(2026, 6, 20, tzinfo=UTC))
    subscription = await world.subscription()
    assert (subscription.plan, subscription.next and subscription.next.plan) == ("business", "pro")
    assert subscription.allowed.applications == 100

    await world.wait(until=datetime(2026, 6, 20, 1, 5, tzinfo=UTC))
    subscription = await world.subscription()
    assert (subscription.plan, subscription.next, subscription.allowed.applications) == ("pro", None, 25)
    invoices = (await world.list_invoices()).items
    assert [(invoice.plan, invoice.total.amount) for invoice in invoices] == [("pro", 2000), ("business", 10_000)]
    assert world.events(SubscriptionChanged)[-1].allowed.applications == 25


async def test_a_cancelled_plan_lasts_until_the_period_ends_and_can_be_resumed(world: World) -> None:
    await world.subscribed()
    assert (await world.cancel()).takes_effect_at == datetime(2026, 6, 20, tzinfo=UTC)
    with pytest.raises(NothingToCancel):
        await world.cancel()
    assert (await world.resume()).status == "done"
    with pytest.raises(NothingToResume):
        await world.resume()
    await world.cancel()
    await world.wait(until=datetime(2026, 6, 20, 1, 5, tzinfo=UTC))
    subscription = await world.subscription()
    assert (subscription.plan, subscription.status, subscription.allowed.applications) == ("free", "active", 5)
    assert len((await world.list_invoices()).items) == 1
    with pytest.raises(NothingToCancel):
        await world.cancel()


async def test_impossible_changes_are_rejected(world: World) -> None:
    with pytest.raises(CustomerNotFound):
        await world.subscribe("pro")
    await world.register()
    with pytest.raises(PlanNotOffered) as rejected:
        await world.subscribe("gold")
    assert rejected.value.detail == 'There is no plan "gold". Plans: free, pro, business.'
    with pytest.raises(AlreadySubscribed):
        await world.subscribe("free")
    with pytest.raises(PaymentMethodMissing):
        await world.subscribe("pro", None)
    await world.subscribe("pro")
    with pytest.raises(ChangeInProgress):
        await world.subscribe("pro")
    assert len(world.payments.payments) == 1
    with pytest.raises(CustomerNotFound):
        await world.subscription(OTHER)


async def test_an_upgrade_is_rejected_between_the_end_of_a_period_and_its_invoice(world: World) -> None:
    await world.subscribed()
    world.clock.at = datetime(2026, 6, 20, 0, 30, tzinfo=UTC)
    with pytest.raises(RenewalInProgress):
        await world.subscribe("business", None)
    world.clock.at = datetime(2026, 6, 19, 23, 59, 50, tzinfo=UTC)
    with pytest.raises(RenewalInProgress):
        await world.subscribe("business", None)  # the last ten seconds cost less than the smallest charge
    await world.wait(until=datetime(2026, 6, 20, 1, 1, tzinfo=UTC))
    assert (await world.subscribe("business", None)).status == "pending"


async def test_invoice_numbers_have_no_gap_across_customers(world: World) -> None:
    await world.register(OTHER)
    await world.subscribe("pro", DECLINED_WHEN_CHARGED, OTHER)
    await world.subscribed()
    await world.subscribe("pro", user=OTHER)
    await world.settle()
    assert sorted(each.number for each in world.events(InvoiceIssued)) == ["2026-000001", "2026-000002"]


async def test_a_refund_issues_a_credit_note(world: World) -> None:
    await world.subscribed()
    (invoice,) = (await world.list_invoices()).items
    note = await world.refund(invoice.invoice_id, 500)
    assert (note.number, note.status, note.amount.amount) == ("CN-2026-000001", "pending", 500)
    assert await world.balance() == {"receivable": -500, "revenue": -1500, "provider": 2000}
    await world.settle()
    assert await world.balance() == {"receivable": 0, "revenue": -1500, "provider": 1500}
    assert (await world.refund(invoice.invoice_id)).amount.amount == 1500
    with pytest.raises(RefundTooLarge) as rejected:
        await world.refund(invoice.invoice_id, 1)
    assert rejected.value.detail == "0.01 EUR cannot be refunded: 0.00 EUR of invoice 2026-000001 are left."
