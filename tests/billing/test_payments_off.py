"""An installation without a payment provider: payments are off, and everything else of billing works."""

from datetime import timedelta
from uuid import UUID

import pytest

from events.auth import PaymentAccountRequested
from events.billing import PaymentAccountChanged
from functions.billing.adapters.no_payments import NoPayments, notices
from functions.billing.adapters.stripe_webhooks import StripeWebhookVerifier
from functions.billing.commands.set_payment_method import SetPaymentMethod
from functions.billing.domain.rejections import InvalidWebhookSignature, PaymentsOff
from functions.billing.ports import ProviderUnavailable
from functions.billing.wiring import payment_policy, payment_provider
from functions.kernel import Caller
from functions.runtime.config.settings import Settings
from tests.billing.world import USER, World

NO_KEY = Settings({})


@pytest.fixture
async def world() -> World:
    world = World(takes_payments=False)
    await world.register()
    return world


async def test_a_registration_needs_no_account(world: World) -> None:
    await world.publish(PaymentAccountRequested(user_id=USER, at=world.clock.now()))
    assert [each.status for each in world.events(PaymentAccountChanged)] == ["off"]
    assert (await world.customer()).payment_account == "off" and world.provider.accounts == {}


async def test_what_would_pay_is_refused_and_what_costs_nothing_works(world: World) -> None:
    method = world.capsule.call(SetPaymentMethod(payment_method="pm_x"), caller=Caller(USER))
    for refused in (world.subscribe("pro"), world.refund(UUID(int=9)), method):
        with pytest.raises(PaymentsOff, match="CAPSULE_STRIPE_API_KEY"):
            await refused
    assert (await world.subscription()).plan == "free" and (await world.bill()).payments == "off"
    assert not world.provider.charges


async def test_a_paid_plan_of_a_time_with_payments_is_invoiced_and_not_charged() -> None:
    """Nobody is suspended for an invoice that cannot be paid, and it can be paid when payments are on again."""
    world = World()
    await world.subscribed("pro")
    world.turn_payments(False)
    await world.wait(until=(await world.subscription()).period.end + timedelta(days=20))

    first, second = reversed((await world.list_invoices()).items)
    assert (first.status, second.status) == ("paid", "open") and len(world.provider.charges) == 1
    assert (await world.subscription()).status == "active" and (await world.bill()).due.amount == second.total.amount
    with pytest.raises(PaymentsOff):
        await world.pay(second.invoice_id)

    world.turn_payments(True)
    await world.pay(second.invoice_id)
    await world.settle()
    assert (await world.list_invoices()).items[0].status == "paid" and len(world.provider.charges) == 2


async def test_payments_can_be_turned_on_later(world: World) -> None:
    await world.publish(PaymentAccountRequested(user_id=USER, at=world.clock.now()))
    world.turn_payments(True)
    await world.subscribe("pro")
    await world.settle()
    assert (await world.subscription()).plan == "pro" and (await world.customer()).payment_account == "opened"


async def test_what_was_in_progress_is_repeated_until_there_is_a_provider() -> None:
    provider = payment_provider(NO_KEY, payment_policy(NO_KEY))
    assert isinstance(provider, NoPayments)
    with pytest.raises(ProviderUnavailable, match="CAPSULE_STRIPE_API_KEY is not set"):
        await provider.get_charge("pi_1")


def test_the_health_of_billing_has_a_notice() -> None:
    assert notices(NO_KEY) == ("Payments are off: CAPSULE_STRIPE_API_KEY is not set.",)
    assert notices(Settings({"CAPSULE_STRIPE_API_KEY": "sk_test_1"})) == ()


def test_webhooks_are_refused_without_a_secret() -> None:
    with pytest.raises(InvalidWebhookSignature, match="CAPSULE_STRIPE_WEBHOOK_SECRET is not set"):
        StripeWebhookVerifier(NO_KEY).parse(b"{}", "t=1,v1=00")
