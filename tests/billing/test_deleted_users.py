"""The customer of a deleted user: final invoice, then erasure. Invoices stay."""

from datetime import datetime

import pytest

from events.auth import EmailChanged, UserDeleted
from functions.billing.domain.invoices import InvoiceStatus, Purpose
from functions.billing.domain.rejections import CustomerNotFound
from tests.billing.world import USER, World

DECLINED = "pm_card_chargeCustomerFail"


async def delete(world: World) -> None:
    await world.publish(UserDeleted(user_id=USER, at=world.clock.now()))


async def advance(world: World, **duration: float) -> None:
    """Let time pass, with housekeeping at its end."""
    await world.capsule.advance(**duration)
    await world.capsule.run("billing.housekeeping")
    await world.capsule.settle()


async def test_a_customer_of_the_free_plan_is_erased(world: World) -> None:
    await world.register()
    await delete(world)
    await advance(world, hours=1, minutes=10)
    customer = world.customers.customers[USER]
    assert (customer.email, customer.provider_id, customer.payment_method) == ("", None, None)
    assert customer.closed_at is not None and not world.provider.accounts
    with pytest.raises(CustomerNotFound):
        await world.bill()


async def test_usage_is_on_a_final_invoice_that_is_charged_before_the_account_is_closed(world: World) -> None:
    await world.subscribed("pro")
    await world.use(5_000_000, at=world.clock.now())
    await advance(world, days=3)
    await delete(world)
    await advance(world, hours=1, minutes=10)
    for _ in range(2):
        await advance(world, minutes=10)
    invoices = sorted(world.invoices.invoices.values(), key=lambda each: each.id)
    assert [(each.purpose, each.status) for each in invoices] == [(Purpose.UPGRADE, InvoiceStatus.PAID), (Purpose.FINAL, InvoiceStatus.PAID)]
    assert invoices[1].total.amount == 120, "three million requests beyond the included two, at 0.40 EUR per million"
    assert {each.buyer_email for each in invoices} == {"1@example.org"}
    assert world.customers.customers[USER].email == "" and not world.provider.accounts
    assert (await world.balance()).get("receivable", 0) == 0


async def test_an_invoice_that_is_declined_stays_owed_and_keeps_the_customer(world: World) -> None:
    await world.subscribed("pro")
    await world.use(5_000_000, at=world.clock.now())
    await advance(world, days=3)
    world.provider.declined_methods.add("pm_card_visa")
    await delete(world)
    for _ in range(4):
        await advance(world, hours=1, minutes=10)
    customer = world.customers.customers[USER]
    assert customer.closed_at is None and customer.email
    assert (await world.balance())["receivable"] == 120


async def test_a_period_that_ends_meanwhile_is_not_renewed(world: World) -> None:
    await world.subscribed("pro")
    subscription = next(iter(world.subscriptions.subscriptions.values()))
    world.clock.at = datetime.fromtimestamp(subscription.billed_until.timestamp() - 60, subscription.billed_until.tzinfo)
    await delete(world)
    for _ in range(4):
        await advance(world, hours=1, minutes=10)
    assert [each.purpose for each in world.invoices.invoices.values()] == [Purpose.UPGRADE]
    assert world.customers.customers[USER].closed_at is not None


async def test_the_event_may_come_twice_and_before_the_user_is_a_customer(world: World) -> None:
    await delete(world)
    await world.register()
    await delete(world)
    await advance(world, hours=2)
    customer = world.customers.customers[USER]
    assert customer.email == "" and customer.closed_at is not None
    assert not world.subscriptions.subscriptions
    await world.publish(EmailChanged(user_id=USER, former_email="a@example.org", email="b@example.org", at=world.clock.now()))
    assert world.customers.customers[USER].email == ""


async def test_a_changed_address_is_the_customer_s_but_not_that_of_issued_invoices(world: World) -> None:
    await world.subscribed("pro")
    await world.publish(EmailChanged(user_id=USER, former_email="1@example.org", email="new@example.org", at=world.clock.now()))
    assert world.customers.customers[USER].email == "new@example.org"
    assert [each.buyer_email for each in world.invoices.invoices.values()] == ["1@example.org"]
