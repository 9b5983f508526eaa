"""What a suspended customer owes: the time that was served and the usage, never time without service."""

from datetime import UTC, datetime, timedelta

import pytest

from events.billing import InvoiceVoided, SubscriptionChanged
from functions.billing.domain.invoices import Invoice, InvoiceStatus
from functions.billing.domain.payments import PaymentStatus
from functions.billing.domain.rejections import ChangeInProgress, InvoiceNotOpen, NothingToCancel, PaymentOverdue
from functions.kernel import Event
from tests.billing.world import World
from tests.memory.billing_provider import SLOW

ENDS = datetime(2026, 6, 20, tzinfo=UTC)
NEXT_ENDS = datetime(2026, 7, 20, tzinfo=UTC)
INVOICED = ENDS + timedelta(hours=1)
SUSPENDED = INVOICED + timedelta(days=11)
SERVED_MINOR = round(2000 * (SUSPENDED - ENDS) / (NEXT_ENDS - ENDS))


@pytest.fixture
async def suspended(world: World) -> World:
    """A subscription whose renewal was declined until it was suspended. 1.20 EUR of its open invoice are usage."""
    await world.subscribed()
    await world.use(5_000_000)
    world.provider.declined_methods.add("pm_card_visa")
    for at in (INVOICED, SUSPENDED):
        await world.wait(until=at)
    assert (await world.subscription()).status == "suspended"
    return world


def invoices_of(world: World, status: InvoiceStatus) -> list[Invoice]:
    return sorted((each for each in world.invoices.invoices.values() if each.status is status), key=lambda each: each.id)


async def test_cancelling_replaces_the_open_invoice_by_what_was_served_and_says_what_is_owed(suspended: World) -> None:
    await suspended.wait(days=3)
    cancelled = await suspended.cancel()
    owed = SERVED_MINOR + 120
    assert (cancelled.status, cancelled.plan, cancelled.due.amount) == ("done", "free", owed)
    (final,) = cancelled.open_invoices
    assert final.total.amount == owed
    (voided,) = invoices_of(suspended, InvoiceStatus.VOID)
    assert voided.total.amount == 2120
    await suspended.settle()
    assert [each.number for each in suspended.events(InvoiceVoided)] == [voided.number]
    assert ("voided", voided.id) in suspended.mailer.sent
    assert (await suspended.balance())["receivable"] == owed

    await suspended.pay(final.invoice_id, "pm_another")
    await suspended.settle()
    assert await suspended.balance() == {"receivable": 0, "revenue": -2000 - owed, "provider": 2000 + owed}
    assert (await suspended.subscription()).plan == "free"
    await suspended.subscribe("pro", "pm_another")
    await suspended.settle()
    assert (await suspended.subscription()).plan == "pro"
    assert len(suspended.provider.charges) == 5 + 2  # what was owed, and a new month


async def test_a_declined_payment_of_a_final_invoice_is_not_repeated_and_suspends_nothing(suspended: World) -> None:
    (final,) = (await suspended.cancel()).open_invoices
    await suspended.pay(final.invoice_id)
    await suspended.settle()
    charges = len(suspended.provider.charges)
    await suspended.wait(days=15)
    subscription = await suspended.subscription()
    assert (subscription.plan, subscription.status, len(suspended.provider.charges)) == ("free", "active", charges)
    with pytest.raises(PaymentOverdue):
        await suspended.subscribe("pro")


async def test_a_suspended_plan_ends_with_its_period_and_a_final_invoice(suspended: World) -> None:
    await suspended.use(3_000_000)
    await suspended.wait(until=NEXT_ENDS + timedelta(hours=1))
    subscription = await suspended.subscription()
    assert (subscription.plan, subscription.status, subscription.allowed.applications) == ("free", "active", 5)
    (final,) = invoices_of(suspended, InvoiceStatus.OPEN)
    assert [(line.kind.value, line.amount.amount) for line in final.lines] == [("late-usage", 120), ("usage", 40), ("proration", SERVED_MINOR)]
    assert (await suspended.balance())["receivable"] == final.total.amount
    assert suspended.events(SubscriptionChanged)[-1].status == "active"


async def test_paying_in_time_ends_the_suspension_and_credits_the_time_without_service(suspended: World) -> None:
    (open_invoice,) = invoices_of(suspended, InvoiceStatus.OPEN)
    await suspended.wait(days=6)
    await suspended.pay(open_invoice.id, "pm_another")
    await suspended.settle()
    subscription = await suspended.subscription()
    assert (subscription.plan, subscription.status) == ("pro", "active")
    await suspended.wait(until=NEXT_ENDS + timedelta(hours=1))
    newest = max(invoices_of(suspended, InvoiceStatus.PAID), key=lambda each: each.id)
    assert [line.amount.amount for line in newest.lines] == [2000, -400]  # six of thirty days
    await suspended.wait(until=datetime(2026, 8, 20, 1, tzinfo=UTC))
    newest = max(invoices_of(suspended, InvoiceStatus.PAID), key=lambda each: each.id)
    assert newest.total.amount == 2000


async def test_a_charge_without_an_outcome_delays_the_end_of_the_plan(suspended: World) -> None:
    (open_invoice,) = invoices_of(suspended, InvoiceStatus.OPEN)
    await suspended.pay(open_invoice.id, SLOW)
    await suspended.settle()
    with pytest.raises(ChangeInProgress):
        await suspended.cancel()
    await suspended.wait(until=NEXT_ENDS + timedelta(hours=1))
    assert (await suspended.subscription()).period.end == NEXT_ENDS
    payment = max(suspended.payments.payments.values(), key=lambda each: each.id)
    suspended.provider.set_outcome(payment, PaymentStatus.SUCCEEDED)
    await suspended.wait(minutes=10)
    await suspended.wait(minutes=10)
    assert (await suspended.subscription()).plan == "pro"


async def test_usage_until_the_end_of_a_suspended_plan_is_rated_by_it(suspended: World) -> None:
    await suspended.use(4_000_000)
    await suspended.wait(days=1)
    (final,) = (await suspended.cancel()).open_invoices
    assert final.total.amount == SERVED_MINOR + 120 + 80
    await suspended.use(1_000_000, at=SUSPENDED)  # arrives after the final invoice
    await suspended.pay(final.invoice_id, "pm_another")
    await suspended.settle()
    await suspended.subscribe("pro", "pm_another")
    await suspended.wait(until=datetime(2026, 8, 3, tzinfo=UTC))
    newest = max(suspended.invoices.invoices.values(), key=lambda each: each.id)
    assert [(line.kind.value, line.quantity, line.amount.amount) for line in newest.lines] == [
        ("late-usage", 1_000_000, 40),
        ("fee", 1, 2000),
    ]


async def test_paying_an_invoice_of_a_plan_that_has_ended_gives_its_period(suspended: World) -> None:
    """An open invoice of a release before final invoices existed."""
    (open_invoice,) = invoices_of(suspended, InvoiceStatus.OPEN)
    (subscription,) = suspended.subscriptions.subscriptions.values()
    subscription.plan_code, subscription.status, subscription.suspended_at = "free", type(subscription.status).ACTIVE, None
    await suspended.pay(open_invoice.id, "pm_another")
    await suspended.settle()
    view = await suspended.subscription()
    assert (view.plan, view.period.begin, view.period.end) == ("pro", ENDS, NEXT_ENDS)


async def test_repeating_has_no_second_effect(suspended: World) -> None:
    (final,) = (await suspended.cancel()).open_invoices
    with pytest.raises(NothingToCancel):
        await suspended.cancel()
    (voided,) = invoices_of(suspended, InvoiceStatus.VOID)
    with pytest.raises(InvoiceNotOpen):
        await suspended.pay(voided.id, "pm_another")
    before = await suspended.balance()
    published: list[Event] = [*suspended.events(InvoiceVoided), *suspended.events(SubscriptionChanged)]
    for event in published:
        await suspended.publish(event)
    await suspended.housekeeping()
    assert await suspended.balance() == before
    assert [each.id for each in invoices_of(suspended, InvoiceStatus.OPEN)] == [final.invoice_id]


async def test_a_second_suspension_uses_the_credit_of_the_first(suspended: World) -> None:
    (open_invoice,) = invoices_of(suspended, InvoiceStatus.OPEN)
    await suspended.wait(days=6)
    await suspended.pay(open_invoice.id, "pm_another")
    await suspended.settle()
    (subscription,) = suspended.subscriptions.subscriptions.values()
    assert subscription.credit_minor == 400
    suspended.provider.declined_methods.add("pm_another")
    renewed = NEXT_ENDS + timedelta(hours=1)
    for day in (0, 1, 4, 11):
        await suspended.wait(until=renewed + timedelta(days=day))
    assert (await suspended.subscription()).status == "suspended"
    cancelled = await suspended.cancel()
    served = (renewed + timedelta(days=11) - NEXT_ENDS) / (datetime(2026, 8, 20, tzinfo=UTC) - NEXT_ENDS)
    assert cancelled.due.amount == round(2000 * served) - 400  # the void invoice gave the credit back
    assert (await suspended.balance())["receivable"] == cancelled.due.amount
