"""A payment method is replaced without a payment, and later charges use it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from functions.billing.commands.pay_invoice import PayInvoice
from functions.billing.commands.set_payment_method import SetPaymentMethod
from functions.billing.commands.subscribe import Subscribe
from functions.billing.domain.payment_methods import PaymentMethodChangeRequested
from functions.billing.domain.rejections import ChangeInProgress
from functions.billing.queries.payment_method import PaymentMethodView, ShowPaymentMethod
from functions.kernel import Caller
from tests.billing.world import USER, World
from tests.memory.billing_provider import DECLINED_AT_ONCE

INVOICED = datetime(2026, 6, 20, 1, tzinfo=UTC)


async def replace(world: World, method: str) -> Any:
    return await world.capsule.call(SetPaymentMethod(payment_method=method), caller=Caller(USER))


async def read_method(world: World) -> PaymentMethodView:
    view: PaymentMethodView = await world.capsule.call(ShowPaymentMethod(), caller=Caller(USER))
    return view


async def test_the_new_method_is_charged_next_and_nothing_is_charged_now(world: World) -> None:
    await world.subscribed()
    await replace(world, "pm_another")
    await world.settle()
    view = await read_method(world)
    assert (view.payment_method, view.last_change and view.last_change.status) == ("pm_another_attached", "succeeded")
    assert len(world.provider.charges) == 1
    world.provider.declined_methods.add("pm_card_visa")
    await world.wait(until=INVOICED)
    assert (await world.subscription()).status == "active" and len(world.provider.charges) == 2


async def test_the_audit_log_has_the_methods_as_personal_data(world: World) -> None:
    await world.subscribed()
    await replace(world, "pm_another")
    [record] = [each for each in world.capsule.records if each.function == "billing.set_payment_method"]
    assert (record.before, record.after) == ({"payment_method": "pm_card_visa_attached"}, {"payment_method": "pm_another"})
    assert record.is_personal and record.user_id == USER, "erased with the account"


async def test_a_replaced_method_pays_the_next_attempt_of_an_open_invoice(world: World) -> None:
    await world.subscribed()
    world.provider.declined_methods.add("pm_card_visa")
    await world.wait(until=INVOICED)
    assert (await world.subscription()).status == "past_due"
    await replace(world, "pm_another")
    await world.settle()
    await world.wait(until=INVOICED + timedelta(days=1))
    assert (await world.subscription()).status == "active"


@pytest.mark.parametrize(("method", "detail"), [("visa", "No such payment method: visa."), (DECLINED_AT_ONCE, "Your card was declined.")])
async def test_a_method_that_the_provider_does_not_accept_changes_nothing(world: World, method: str, detail: str) -> None:
    await world.subscribed()
    await replace(world, method)
    await world.settle()
    view = await read_method(world)
    assert view.payment_method == "pm_card_visa_attached"
    assert view.last_change and (view.last_change.status, view.last_change.detail) == ("failed", detail)


async def test_a_customer_without_an_account_gets_one(world: World) -> None:
    await world.register()
    assert await read_method(world) == PaymentMethodView(payment_method=None, last_change=None)
    await replace(world, "pm_card_visa")
    await world.settle()
    assert (await world.customer()).payment_account == "opened"
    await world.subscribe("pro", None)
    await world.settle()
    assert (await world.subscription()).plan == "pro"


async def test_one_change_at_a_time_and_repeating_changes_nothing(world: World) -> None:
    await world.subscribed()
    await replace(world, "pm_another")
    with pytest.raises(ChangeInProgress):
        await replace(world, "pm_third")
    await world.wait(minutes=10)
    await world.settle()
    assert (await read_method(world)).payment_method == "pm_another_attached"
    await replace(world, "pm_third")
    await world.settle()
    for event in world.events(PaymentMethodChangeRequested):
        await world.publish(event)
    await world.settle()
    assert (await read_method(world)).payment_method == "pm_third_attached"


@pytest.mark.parametrize(
    "build",
    [
        lambda text: SetPaymentMethod(payment_method=text),
        lambda text: Subscribe(plan="pro", payment_method=text),
        lambda text: PayInvoice(invoice_id=USER, payment_method=text),
    ],
)
def test_the_number_of_a_card_is_refused_before_it_is_stored(build: Callable[[str], Any]) -> None:
    with pytest.raises(ValidationError, match="looks like the number of a card"):
        build("4242424242424241")
    assert build("pm_card_visa").payment_method == "pm_card_visa"
