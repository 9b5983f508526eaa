"""At the end of a period: use is billed, the next period is paid for; and what happens when it is not."""

from datetime import UTC, datetime, timedelta

import pytest

from events.billing import PaymentFailed, PaymentProcessed, SubscriptionChanged
from functions.billing.domain.payments import PaymentRetryRequested, PaymentStatus
from functions.billing.domain.rejections import ChangeInProgress, InvoiceNotFound, InvoiceNotOpen, InvoiceNotPaid, PaymentOverdue
from functions.billing.domain.subscriptions import PeriodEnded
from tests.billing.world import OTHER, World
from tests.memory.billing_provider import DECLINED_WHEN_CHARGED, SLOW

ENDS = datetime(2026, 6, 20, tzinfo=UTC)
INVOICED = ENDS + timedelta(hours=1)


def lines_of(world: World, number: str) -> list[tuple[str, int]]:
    (invoice,) = (each for each in world.invoices.invoices.values() if each.number == number)
    return [(line.kind.value, line.amount.amount) for line in invoice.lines]


async def test_use_of_the_period_and_the_fee_of_the_next_are_invoiced_and_charged(world: World) -> None:
    await world.subscribed()
    await world.use(4_000_000)  # two million beyond what is included, at 0.40 a million
    await world.wait(until=INVOICED - timedelta(minutes=1))
    assert len((await world.invoiced()).invoices) == 1
    await world.use(1_000_000, at=ENDS - timedelta(minutes=1))  # late, within the grace
    await world.wait(until=INVOICED)

    newest = (await world.invoiced()).invoices[0]
    assert (newest.number, newest.status, newest.total.amount) == ("2026-000002", "paid", 2120)
    assert lines_of(world, "2026-000002") == [("usage", 120), ("fee", 2000)]
    shown = await world.shown()
    assert (shown.period.begin, shown.period.end) == (ENDS, datetime(2026, 7, 20, tzinfo=UTC))
    assert await world.balance() == {"receivable": 0, "revenue": -4120, "provider": 4120}
    assert len(world.told(SubscriptionChanged)) == 1  # the plan is the same


async def test_a_period_is_invoiced_once_however_often_its_end_is_told(world: World) -> None:
    await world.subscribed()
    await world.wait(until=INVOICED)
    for ended in world.told(PeriodEnded):
        await world.deliver(ended)
    await world.housekeeping()
    assert len((await world.invoiced()).invoices) == 2


async def test_periods_that_nobody_came_for_are_made_up_for_one_by_one(world: World) -> None:
    await world.subscribed()
    await world.wait(until=datetime(2026, 9, 20, 2, tzinfo=UTC))
    for _ in range(3):
        await world.housekeeping()
    assert len((await world.invoiced()).invoices) == 5
    assert (await world.shown()).period.end == datetime(2026, 10, 20, tzinfo=UTC)


async def test_use_that_is_reported_after_the_invoice_stands_on_the_next_one_once(world: World) -> None:
    await world.subscribed()
    await world.use(4_000_000)
    await world.wait(until=INVOICED)
    await world.use(1_000_000, at=ENDS - timedelta(minutes=1))
    await world.wait(until=datetime(2026, 7, 20, 1, tzinfo=UTC))
    assert lines_of(world, "2026-000003") == [("late-usage", 40), ("fee", 2000)]
    await world.wait(until=datetime(2026, 8, 20, 1, tzinfo=UTC))
    assert lines_of(world, "2026-000004") == [("fee", 2000)]


async def test_use_too_small_to_charge_waits_for_the_next_invoice(world: World) -> None:
    await world.subscribed()
    await world.use(3_000_000)
    await world.cancel()
    await world.wait(until=INVOICED)
    assert len((await world.invoiced()).invoices) == 1 and (await world.shown()).plan == "free"
    await world.use(1_000_000, at=ENDS - timedelta(minutes=1))
    await world.wait(until=datetime(2026, 7, 20, 1, tzinfo=UTC))
    assert lines_of(world, "2026-000002") == [("late-usage", 80)]


async def test_the_free_plan_goes_on_without_invoices(world: World) -> None:
    await world.register()
    await world.use(10_000_000)
    await world.wait(until=INVOICED)
    assert (await world.invoiced()).invoices == [] and (await world.shown()).period.begin == ENDS


async def test_an_upgrade_that_is_being_paid_is_not_cut_by_the_periods_end(world: World) -> None:
    await world.subscribed()
    world.clock.at = ENDS - timedelta(days=10)
    await world.subscribe("business", SLOW)
    await world.settle()
    await world.wait(until=INVOICED)
    assert (await world.shown()).period.end == ENDS
    payment = max(world.payments.payments.values(), key=lambda each: each.id)
    world.provider.becomes(payment, PaymentStatus.SUCCEEDED)
    await world.wait(minutes=10)
    await world.wait(minutes=10)
    shown = await world.shown()
    assert (shown.plan, shown.period.begin, shown.fee.amount) == ("business", ENDS, 10_000)


class TestDunning:
    @pytest.fixture
    async def behind(self, world: World) -> World:
        """Its card has stopped working; the renewal was declined."""
        await world.subscribed()
        world.provider.declines.add("pm_card_visa")
        await world.wait(until=INVOICED)
        return world

    async def test_a_declined_renewal_is_tried_again_and_again_then_suspended(self, behind: World) -> None:
        shown = await behind.shown()
        assert (shown.status, shown.plan, shown.allowed.applications) == ("past_due", "pro", 25)
        assert shown.last_payment and shown.last_payment.retry_at == INVOICED + timedelta(days=1)
        for day in (1, 4, 11):
            assert (await behind.shown()).status == "past_due"
            await behind.wait(until=INVOICED + timedelta(days=day))
        shown = await behind.shown()
        assert (shown.status, shown.plan, shown.allowed.applications) == ("suspended", "pro", 5)
        assert [each.retry_at is None for each in behind.told(PaymentFailed)] == [False, False, False, True]
        suspended = behind.told(SubscriptionChanged)[-1]
        assert (suspended.status, suspended.plan, suspended.allowed.applications) == ("suspended", "pro", 5)
        assert len(behind.provider.charges) == 1 + 4
        assert [kind for kind, _ in behind.postbox.sent].count("failed") == 4
        await behind.wait(days=5)
        assert len(behind.provider.charges) == 5
        assert await behind.balance() == {"receivable": 2000, "revenue": -4000, "provider": 2000}

    async def test_a_card_that_works_again_restores(self, behind: World) -> None:
        behind.provider.declines.clear()
        await behind.wait(days=1)
        shown = await behind.shown()
        assert (shown.status, shown.plan) == ("active", "pro")
        assert [each.status for each in behind.told(SubscriptionChanged)] == ["active", "past_due", "active"]
        await behind.wait(days=11)
        assert len(behind.told(PaymentProcessed)) == 2

    async def test_who_is_suspended_pays_with_another_card_and_is_back(self, behind: World) -> None:
        await behind.wait(days=12)
        invoice = (await behind.invoiced()).invoices[0]
        with pytest.raises(PaymentOverdue):
            await behind.subscribe("business")
        await behind.pay(invoice.invoice_id, "pm_another")
        with pytest.raises(ChangeInProgress):
            await behind.pay(invoice.invoice_id, "pm_another")
        await behind.settle()
        shown = await behind.shown()
        assert (shown.status, shown.allowed.applications) == ("active", 25)
        with pytest.raises(InvoiceNotOpen):
            await behind.pay(invoice.invoice_id)
        assert await behind.balance() == {"receivable": 0, "revenue": -4000, "provider": 4000}
        await behind.wait(until=datetime(2026, 7, 20, 1, tzinfo=UTC))
        assert (await behind.shown()).status == "active"  # the other card is charged from now on

    async def test_a_card_tried_in_vain_in_between_uses_up_no_try(self, behind: World) -> None:
        invoice = (await behind.invoiced()).invoices[0]
        await behind.pay(invoice.invoice_id, DECLINED_WHEN_CHARGED)
        await behind.settle()
        shown = await behind.shown()
        assert shown.last_payment and (shown.status, shown.last_payment.retry_at) == ("past_due", INVOICED + timedelta(days=1))
        await behind.wait(until=INVOICED + timedelta(days=1))
        assert len(behind.provider.charges) == 1 + 3  # the retry came once, though two payments had asked for it

    async def test_a_lost_timer_is_made_up_for(self, behind: World) -> None:
        behind.later.clear()
        await behind.wait(days=1, minutes=10)
        assert len(behind.told(PaymentRetryRequested)) == 1 and len(behind.provider.charges) == 1 + 2

    async def test_the_suspended_are_not_renewed(self, behind: World) -> None:
        await behind.wait(days=12)
        await behind.wait(until=datetime(2026, 7, 20, 1, tzinfo=UTC))
        shown = await behind.shown()
        assert (shown.plan, shown.status, shown.allowed.applications) == ("free", "suspended", 5)
        assert len((await behind.invoiced()).invoices) == 2

    async def test_who_is_suspended_may_leave_at_once(self, behind: World) -> None:
        await behind.wait(days=12)
        assert (await behind.cancel()).status == "done"
        shown = await behind.shown()
        assert (shown.plan, shown.status) == ("free", "active")
        with pytest.raises(PaymentOverdue):
            await behind.subscribe("pro")

    async def test_an_open_invoice_is_its_customers_alone_and_cannot_be_refunded(self, behind: World) -> None:
        invoice = (await behind.invoiced()).invoices[0]
        await behind.register(OTHER)
        with pytest.raises(InvoiceNotFound):
            await behind.pay(invoice.invoice_id, "pm_card_visa", OTHER)
        with pytest.raises(InvoiceNotPaid):
            await behind.refund(invoice.invoice_id)


async def test_pages_of_invoices_go_from_the_newest_on(world: World) -> None:
    await world.subscribed()
    for month in (6, 7, 8):
        await world.wait(until=datetime(2026, month, 20, 1, tzinfo=UTC))
    first = await world.invoiced(limit=3)
    assert [each.number for each in first.invoices] == ["2026-000004", "2026-000003", "2026-000002"]
    rest = await world.invoiced(limit=3, before=first.next)
    assert [each.number for each in rest.invoices] == ["2026-000001"] and rest.next is None
