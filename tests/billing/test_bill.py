"""The bill says exactly what is due, what was paid, and what comes at the end of the period."""

from datetime import UTC, datetime, timedelta

from tests.billing.world import World

ENDS = datetime(2026, 6, 20, tzinfo=UTC)


async def test_an_upgrade_within_a_period_is_shown_as_it_was_paid(world: World) -> None:
    await world.subscribed("pro")
    await world.wait(until=datetime(2026, 5, 30, tzinfo=UTC))
    await world.subscribe("business")
    await world.settle()
    bill = await world.bill()
    paid = sum(invoice.total.amount for invoice in (await world.list_invoices()).items)
    assert paid != 10_000 and bill.plan.fee.amount == 10_000
    assert (bill.advance.amount, bill.paid.amount, bill.due.amount, bill.total.amount) == (paid, paid, 0, paid)
    assert (bill.at_period_end.fee.amount, bill.at_period_end.total.amount, bill.at_period_end.at) == (10_000, 10_000, ENDS)


async def test_a_refund_is_not_paid_any_more(world: World) -> None:
    await world.subscribed()
    (invoice,) = (await world.list_invoices()).items
    await world.refund(invoice.invoice_id, 198)
    bill = await world.bill()
    assert (bill.credited.amount, bill.refunded.amount, bill.total.amount) == (198, 0, 1802)
    await world.settle()
    bill = await world.bill()
    assert (bill.advance.amount, bill.paid.amount, bill.refunded.amount, bill.due.amount) == (2000, 2000, 198, 0)


async def test_usage_and_the_next_fee_come_at_the_end_of_the_period(world: World) -> None:
    await world.subscribed()
    await world.use(4_000_000)
    bill = await world.bill()
    assert (bill.total.amount, bill.paid.amount) == (2080, 2000)
    end = bill.at_period_end
    assert (end.usage.amount, end.fee.amount, end.total.amount, end.plan) == (80, 2000, 2080, "pro")
    await world.cancel()
    end = (await world.bill()).at_period_end
    assert (end.usage.amount, end.fee.amount, end.total.amount, end.plan) == (80, 0, 80, "free")
    await world.resume()
    await world.wait(until=ENDS + timedelta(hours=1))
    newest = (await world.list_invoices()).items[0]
    assert newest.total.amount == bill.at_period_end.total.amount
    assert (await world.bill()).advance.amount == 2000


async def test_an_open_invoice_is_due(world: World) -> None:
    await world.subscribed()
    world.provider.declined_methods.add("pm_card_visa")
    await world.use(4_000_000)
    await world.wait(until=ENDS + timedelta(hours=1))
    bill = await world.bill()
    assert (bill.due.amount, bill.paid.amount, bill.advance.amount) == (2080, 0, 2000)


async def test_late_usage_of_an_earlier_period_is_announced(world: World) -> None:
    await world.subscribed()
    await world.wait(until=ENDS + timedelta(hours=1))
    await world.use(4_000_000, at=ENDS - timedelta(hours=2))
    bill = await world.bill()
    assert (bill.total.amount, bill.at_period_end.usage.amount) == (2000, 80)


async def test_a_free_plan_owes_nothing(world: World) -> None:
    await world.register()
    bill = await world.bill()
    assert {each.amount for each in (bill.advance, bill.paid, bill.due, bill.total, bill.at_period_end.total)} == {0}
