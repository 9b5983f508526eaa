"""Another plan: bought, refused, changed midway, cancelled, taken back."""

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
    RenewalInProgress,
)
from functions.billing.ports import ProviderUnavailable
from tests.billing.world import OTHER, World
from tests.memory.billing_provider import DECLINED_WHEN_CHARGED, SLOW


async def test_a_plan_begins_when_its_payment_has_succeeded(world: World) -> None:
    await world.register()
    accepted = await world.subscribe("pro")
    assert (accepted.status, accepted.plan, accepted.due and accepted.due.amount) == ("pending", "pro", 2000)
    before = await world.shown()
    assert (before.plan, before.allowed.applications, before.next and before.next.is_pending) == ("free", 5, True)

    await world.settle()
    after = await world.shown()
    assert (after.plan, after.status, after.allowed.applications, after.next) == ("pro", "active", 25, None)
    assert (after.period.begin, after.period.end) == (datetime(2026, 5, 20, tzinfo=UTC), datetime(2026, 6, 20, tzinfo=UTC))
    (processed,) = world.told(PaymentProcessed)
    (changed,) = world.told(SubscriptionChanged)
    assert (processed.amount, processed.currency, processed.plan) == (2000, "EUR", "pro")
    assert (changed.plan, changed.allowed.applications, changed.allowed.memory_mib) == ("pro", 25, 16_384)
    (invoice,) = (await world.invoiced()).invoices
    assert (invoice.number, invoice.status, invoice.total.amount) == ("2026-000001", "paid", 2000)
    assert await world.balance() == {"receivable": 0, "revenue": -2000, "provider": 2000}
    assert [kind for kind, _ in world.postbox.sent] == ["invoice"]


async def test_a_declined_card_changes_nothing_and_burns_no_number(world: World) -> None:
    await world.register()
    await world.subscribe("pro", DECLINED_WHEN_CHARGED)
    await world.settle()
    shown = await world.shown()
    assert (shown.plan, shown.status, shown.next) == ("free", "active", None)
    assert shown.last_payment and (shown.last_payment.status, shown.last_payment.reason) == ("failed", "card_declined")
    (failed,) = world.told(PaymentFailed)
    assert (failed.reason, failed.retry_at) == ("card_declined", None) and not world.told(SubscriptionChanged)
    assert (await world.invoiced()).invoices == [] and await world.balance() == {}
    assert [kind for kind, _ in world.postbox.sent] == ["failed"]

    await world.subscribe("pro")
    await world.settle()
    assert [invoice.number for invoice in (await world.invoiced()).invoices] == ["2026-000001"]


async def test_the_outcome_counts_once_however_often_it_is_looked_at(world: World) -> None:
    await world.register()
    await world.subscribe("pro")
    (asked,) = world.told(PaymentRequested)
    for _ in range(3):
        await world.deliver(asked)
    await world.settle()
    assert len(world.told(PaymentProcessed)) == len(world.told(InvoiceIssued)) == len(world.told(SubscriptionChanged)) == 1
    assert len(world.provider.charges) == 1


async def test_an_outcome_that_comes_late_is_found_by_looking(world: World) -> None:
    await world.register()
    await world.subscribe("pro", SLOW)
    await world.settle()
    (payment,) = world.payments.payments.values()
    assert payment.is_pending and (await world.shown()).plan == "free"
    with pytest.raises(ChangeInProgress):
        await world.subscribe("business")

    world.provider.becomes(payment, PaymentStatus.SUCCEEDED)
    await world.deliver(PaymentRequested(payment_id=payment.id))  # the provider's notice
    assert (await world.shown()).plan == "pro"


async def test_a_payment_that_nobody_tells_of_is_looked_up_by_the_housekeeping(world: World) -> None:
    await world.register()
    world.provider.away = True
    await world.subscribe("pro")
    with pytest.raises(ProviderUnavailable):
        await world.settle()
    (payment,) = world.payments.payments.values()
    assert payment.is_pending

    world.provider.away = False
    await world.wait(minutes=4)
    assert (await world.shown()).plan == "free"
    await world.wait(minutes=2)
    assert (await world.shown()).plan == "pro"


async def test_an_upgrade_midway_costs_the_difference_for_the_rest_of_the_period(world: World) -> None:
    await world.subscribed("pro")
    await world.wait(until=datetime(2026, 6, 4, 12, tzinfo=UTC))  # half of the 31 days
    accepted = await world.subscribe("business", None)
    assert accepted.due and accepted.due.amount == 5000 - 1000
    await world.settle()
    shown = await world.shown()
    assert (shown.plan, shown.period.begin, shown.period.end) == ("business", datetime(2026, 5, 20, tzinfo=UTC), datetime(2026, 6, 20, tzinfo=UTC))
    newest = (await world.invoiced()).invoices[0]
    lines = (await world.invoices.get(newest.invoice_id)).lines
    assert [(line.kind, line.amount.amount) for line in lines] == [("proration", -1000), ("proration", 5000)]


async def test_a_smaller_plan_waits_for_the_end_of_the_period(world: World) -> None:
    await world.subscribed("business")
    accepted = await world.subscribe("pro", None)
    assert (accepted.status, accepted.takes_effect_at) == ("scheduled", datetime(2026, 6, 20, tzinfo=UTC))
    shown = await world.shown()
    assert (shown.plan, shown.next and shown.next.plan, shown.allowed.applications) == ("business", "pro", 100)

    await world.wait(until=datetime(2026, 6, 20, 1, 5, tzinfo=UTC))
    shown = await world.shown()
    assert (shown.plan, shown.next, shown.allowed.applications) == ("pro", None, 25)
    assert [(invoice.plan, invoice.total.amount) for invoice in (await world.invoiced()).invoices] == [("pro", 2000), ("business", 10_000)]
    assert world.told(SubscriptionChanged)[-1].allowed.applications == 25


async def test_who_cancels_keeps_the_plan_until_it_ends_and_may_come_back(world: World) -> None:
    await world.subscribed()
    assert (await world.cancel()).takes_effect_at == datetime(2026, 6, 20, tzinfo=UTC)
    with pytest.raises(NothingToCancel):
        await world.cancel()
    assert (await world.resume()).status == "done"
    with pytest.raises(NothingToResume):
        await world.resume()
    await world.cancel()
    await world.wait(until=datetime(2026, 6, 20, 1, 5, tzinfo=UTC))
    shown = await world.shown()
    assert (shown.plan, shown.status, shown.allowed.applications) == ("free", "active", 5)
    assert len((await world.invoiced()).invoices) == 1
    with pytest.raises(NothingToCancel):
        await world.cancel()


async def test_what_cannot_be_asked_for(world: World) -> None:
    with pytest.raises(CustomerNotFound):
        await world.subscribe("pro")
    await world.register()
    with pytest.raises(PlanNotOffered):
        await world.subscribe("gold")
    with pytest.raises(AlreadySubscribed):
        await world.subscribe("free")
    with pytest.raises(PaymentMethodMissing):
        await world.subscribe("pro", None)
    await world.subscribe("pro")
    with pytest.raises(ChangeInProgress):
        await world.subscribe("pro")
    assert len(world.payments.payments) == 1
    with pytest.raises(CustomerNotFound):
        await world.shown(OTHER)


async def test_nothing_is_bought_between_a_period_and_its_invoice(world: World) -> None:
    await world.subscribed()
    world.clock.at = datetime(2026, 6, 20, 0, 30, tzinfo=UTC)
    with pytest.raises(RenewalInProgress):
        await world.subscribe("business", None)
    world.clock.at = datetime(2026, 6, 19, 23, 59, 50, tzinfo=UTC)
    with pytest.raises(RenewalInProgress):
        await world.subscribe("business", None)  # ten seconds of it are worth less than a charge
    await world.wait(until=datetime(2026, 6, 20, 1, 1, tzinfo=UTC))
    assert (await world.subscribe("business", None)).status == "pending"


async def test_numbers_have_no_gap_over_all_customers(world: World) -> None:
    await world.register(OTHER)
    await world.subscribe("pro", DECLINED_WHEN_CHARGED, OTHER)
    await world.subscribed()
    await world.subscribe("pro", user=OTHER)
    await world.settle()
    assert sorted(each.number for each in world.told(InvoiceIssued)) == ["2026-000001", "2026-000002"]


async def test_what_was_paid_is_given_back_by_a_credit_note(world: World) -> None:
    await world.subscribed()
    (invoice,) = (await world.invoiced()).invoices
    note = await world.refund(invoice.invoice_id, 500)
    assert (note.number, note.status, note.amount.amount) == ("CN-2026-000001", "pending", 500)
    assert await world.balance() == {"receivable": -500, "revenue": -1500, "provider": 2000}
    await world.settle()
    assert await world.balance() == {"receivable": 0, "revenue": -1500, "provider": 1500}
    assert (await world.refund(invoice.invoice_id)).amount.amount == 1500
