"""The end of a period: usage is invoiced, the next period is charged, and unpaid invoices are retried."""

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


async def test_usage_and_the_next_fee_are_invoiced_and_charged(world: World) -> None:
    await world.subscribed()
    await world.use(4_000_000)  # two million above the included quantity, at 0.40 EUR per million
    await world.wait(until=INVOICED - timedelta(minutes=1))
    assert len((await world.list_invoices()).items) == 1
    await world.use(1_000_000, at=ENDS - timedelta(minutes=1))  # late, but within the grace period
    await world.wait(until=INVOICED)

    newest = (await world.list_invoices()).items[0]
    assert (newest.number, newest.status, newest.total.amount) == ("2026-000002", "paid", 2120)
    assert lines_of(world, "2026-000002") == [("usage", 120), ("fee", 2000)]
    subscription = await world.subscription()
    assert (subscription.period.begin, subscription.period.end) == (ENDS, datetime(2026, 7, 20, tzinfo=UTC))
    assert await world.balance() == {"receivable": 0, "revenue": -4120, "provider": 4120}
    assert len(world.events(SubscriptionChanged)) == 1  # the plan is the same


async def test_repeated_period_ended_events_create_one_invoice(world: World) -> None:
    await world.subscribed()
    await world.wait(until=INVOICED)
    for ended in world.events(PeriodEnded):
        await world.publish(ended)
    await world.housekeeping()
    assert len((await world.list_invoices()).items) == 2


async def test_missed_periods_are_invoiced_one_by_one(world: World) -> None:
    await world.subscribed()
    await world.wait(until=datetime(2026, 9, 20, 2, tzinfo=UTC))
    for _ in range(3):
        await world.housekeeping()
    assert len((await world.list_invoices()).items) == 5
    assert (await world.subscription()).period.end == datetime(2026, 10, 20, tzinfo=UTC)


async def test_usage_reported_after_the_invoice_is_on_the_next_one_once(world: World) -> None:
    await world.subscribed()
    await world.use(4_000_000)
    await world.wait(until=INVOICED)
    await world.use(1_000_000, at=ENDS - timedelta(minutes=1))
    await world.wait(until=datetime(2026, 7, 20, 1, tzinfo=UTC))
    assert lines_of(world, "2026-000003") == [("late-usage", 40), ("fee", 2000)]
    await world.wait(until=datetime(2026, 8, 20, 1, tzinfo=UTC))
    assert lines_of(world, "2026-000004") == [("fee", 2000)]


async def test_usage_below_the_minimum_charge_is_on_the_next_invoice(world: World) -> None:
    await world.subscribed()
    await world.use(3_000_000)
    await world.cancel()
    await world.wait(until=INVOICED)
    assert len((await world.list_invoices()).items) == 1 and (await world.subscription()).plan == "free"
    await world.use(1_000_000, at=ENDS - timedelta(minutes=1))
    await world.wait(until=datetime(2026, 7, 20, 1, tzinfo=UTC))
    assert lines_of(world, "2026-000002") == [("late-usage", 80)]


async def test_the_free_plan_renews_without_an_invoice(world: World) -> None:
    await world.register()
    await world.use(10_000_000)
    await world.wait(until=INVOICED)
    assert (await world.list_invoices()).items == [] and (await world.subscription()).period.begin == ENDS


async def test_a_pending_upgrade_delays_the_renewal(world: World) -> None:
    await world.subscribed()
    world.clock.at = ENDS - timedelta(days=10)
    await world.subscribe("business", SLOW)
    await world.settle()
    await world.wait(until=INVOICED)
    assert (await world.subscription()).period.end == ENDS
    payment = max(world.payments.payments.values(), key=lambda each: each.id)
    world.provider.set_outcome(payment, PaymentStatus.SUCCEEDED)
    await world.wait(minutes=10)
    await world.wait(minutes=10)
    subscription = await world.subscription()
    assert (subscription.plan, subscription.period.begin, subscription.fee.amount) == ("business", ENDS, 10_000)


class TestDunning:
    @pytest.fixture
    async def behind(self, world: World) -> World:
        """A subscription whose renewal was declined."""
        await world.subscribed()
        world.provider.declined_methods.add("pm_card_visa")
        await world.wait(until=INVOICED)
        return world

    async def test_a_declined_renewal_is_retried_three_times_then_suspended(self, behind: World) -> None:
        subscription = await behind.subscription()
        assert (subscription.status, subscription.plan, subscription.allowed.applications) == ("past_due", "pro", 25)
        assert subscription.last_payment and subscription.last_payment.retry_at == INVOICED + timedelta(days=1)
        for day in (1, 4, 11):
            assert (await behind.subscription()).status == "past_due"
            await behind.wait(until=INVOICED + timedelta(days=day))
        subscription = await behind.subscription()
        assert (subscription.status, subscription.plan, subscription.allowed.applications) == ("suspended", "pro", 5)
        assert [each.retry_at is None for each in behind.events(PaymentFailed)] == [False, False, False, True]
        suspended = behind.events(SubscriptionChanged)[-1]
        assert (suspended.status, suspended.plan, suspended.allowed.applications) == ("suspended", "pro", 5)
        assert len(behind.provider.charges) == 1 + 4
        assert [kind for kind, _ in behind.mailer.sent].count("failed") == 4
        await behind.wait(days=5)
        assert len(behind.provider.charges) == 5
        assert await behind.balance() == {"receivable": 2000, "revenue": -4000, "provider": 2000}

    async def test_a_successful_retry_reactivates_the_subscription(self, behind: World) -> None:
        behind.provider.declined_methods.clear()
        await behind.wait(days=1)
        subscription = await behind.subscription()
        assert (subscription.status, subscription.plan) == ("active", "pro")
        assert [each.status for each in behind.events(SubscriptionChanged)] == ["active", "past_due", "active"]
        await behind.wait(days=11)
        assert len(behind.events(PaymentProcessed)) == 2

    async def test_paying_with_another_card_ends_a_suspension(self, behind: World) -> None:
        await behind.wait(days=12)
        invoice = (await behind.list_invoices()).items[0]
        with pytest.raises(PaymentOverdue):
            await behind.subscribe("business")
        await behind.pay(invoice.invoice_id, "pm_another")
        with pytest.raises(ChangeInProgress):
            await behind.pay(invoice.invoice_id, "pm_another")
        await behind.settle()
        subscription = await behind.subscription()
        assert (subscription.status, subscription.allowed.applications) == ("active", 25)
        with pytest.raises(InvoiceNotOpen):
            await behind.pay(invoice.invoice_id)
        assert await behind.balance() == {"receivable": 0, "revenue": -4000, "provider": 4000}
        await behind.wait(until=datetime(2026, 7, 20, 1, tzinfo=UTC))
        assert (await behind.subscription()).status == "active"  # later renewals charge the other card

    async def test_a_customers_own_declined_attempt_does_not_count_as_a_retry(self, behind: World) -> None:
        invoice = (await behind.list_invoices()).items[0]
        await behind.pay(invoice.invoice_id, DECLINED_WHEN_CHARGED)
        await behind.settle()
        subscription = await behind.subscription()
        assert subscription.last_payment and (subscription.status, subscription.last_payment.retry_at) == ("past_due", INVOICED + timedelta(days=1))
        await behind.wait(until=INVOICED + timedelta(days=1))
        assert len(behind.provider.charges) == 1 + 3  # one retry, although two payments had scheduled it

    async def test_housekeeping_replaces_a_lost_retry_timer(self, behind: World) -> None:
        behind.lose_timers()
        await behind.wait(days=1, minutes=10)
        assert len(behind.events(PaymentRetryRequested)) == 1 and len(behind.provider.charges) == 1 + 2

    async def test_an_open_invoice_belongs_to_its_customer_and_cannot_be_refunded(self, behind: World) -> None:
        invoice = (await behind.list_invoices()).items[0]
        await behind.register(OTHER)
        with pytest.raises(InvoiceNotFound):
            await behind.pay(invoice.invoice_id, "pm_card_visa", OTHER)
        with pytest.raises(InvoiceNotPaid):
            await behind.refund(invoice.invoice_id)


async def test_invoices_are_paged_newest_first(world: World) -> None:
    await world.subscribed()
    for month in (6, 7, 8):
        await world.wait(until=datetime(2026, month, 20, 1, tzinfo=UTC))
    first_page = await world.list_invoices(limit=3)
    assert [each.number for each in first_page.items] == ["2026-000004", "2026-000003", "2026-000002"]
    second_page = await world.list_invoices(limit=3, cursor=first_page.next)
    assert [each.number for each in second_page.items] == ["2026-000001"] and second_page.next is None
