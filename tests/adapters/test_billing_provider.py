"""One suite over the payment provider, in memory and over Stripe's API (its stand-in, a real server), and what only the latter has."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from stripe import WebhookSignature

from functions.billing.adapters.stripe import StripeProvider, StripeWebhookVerifier
from functions.billing.domain.credit_notes import CreditNote
from functions.billing.domain.customers import Customer
from functions.billing.domain.money import Money
from functions.billing.domain.payments import Payment, PaymentStatus, ProviderResult
from functions.billing.domain.rejections import InvalidWebhookSignature
from functions.billing.ports import PaymentProvider, ProviderRefused, ProviderUnavailable
from functions.kernel import new_id
from functions.runtime.config.settings import Settings
from tests.billing.stripe_stand_in import KEY, SECRET, Letterbox, StandIn, letterbox, stand_in
from tests.memory.billing_provider import DECLINED_AT_ONCE, DECLINED_WHEN_CHARGED, MemoryProvider
from tests.runtime.harness import free_port, until

NOW = datetime(2026, 5, 20, 10, 30, tzinfo=UTC)
VISA = "pm_card_visa"
pytestmark = pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning")  # how Stripe's client calls httpx


@pytest.fixture(scope="module")
def box() -> Iterator[Letterbox]:
    with letterbox() as box:
        yield box


@pytest.fixture(scope="module")
def stripe(box: Letterbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with stand_in(tmp_path_factory.mktemp("stripe") / "state", box.url) as stripe:
        yield stripe


@pytest.fixture(params=["memory", "stripe"])
def provider(request: pytest.FixtureRequest) -> PaymentProvider:
    if request.param == "memory":
        return MemoryProvider()
    return StripeProvider(request.getfixturevalue("stripe").settings)


def a_payment(method: str = VISA, amount: int = 2000) -> Payment:
    return Payment(new_id(), new_id(), new_id(), 1, Money(amount, "EUR"), method, NOW)


async def a_customer(provider: PaymentProvider) -> Customer:
    customer = Customer.create(new_id(), "ada@example.org", NOW)
    return replace(customer, provider_id=await provider.open_account(customer))


async def test_a_customer_has_one_account(provider: PaymentProvider) -> None:
    customer = await a_customer(provider)
    assert await provider.open_account(replace(customer, provider_id=None)) == customer.provider_id


async def test_a_charge_that_is_asked_for_twice_is_one(provider: PaymentProvider) -> None:
    customer, payment = await a_customer(provider), a_payment()
    answer = await provider.charge(payment, customer)
    assert answer.status is PaymentStatus.SUCCEEDED and answer.provider_id and answer.method
    assert await provider.charge(payment, customer) == answer
    assert (await provider.charge(a_payment(), customer)).provider_id != answer.provider_id


async def test_the_method_that_was_charged_is_charged_again(provider: PaymentProvider) -> None:
    customer = await a_customer(provider)
    first = await provider.charge(a_payment(), customer)
    assert first.method
    again = await provider.charge(a_payment(first.method), replace(customer, payment_method=first.method))
    assert (again.status, again.method) == (PaymentStatus.SUCCEEDED, first.method)


async def test_what_became_of_a_charge_can_be_looked_up(provider: PaymentProvider) -> None:
    answer = await provider.charge(a_payment(), await a_customer(provider))
    assert answer.provider_id
    assert await provider.get_charge(answer.provider_id) == answer


@pytest.mark.parametrize("method", [DECLINED_AT_ONCE, DECLINED_WHEN_CHARGED])
async def test_a_declined_charge_is_an_answer_that_says_why(provider: PaymentProvider, method: str) -> None:
    customer, payment = await a_customer(provider), a_payment(method)
    answer = await provider.charge(payment, customer)
    assert (answer.status, answer.failure_code, answer.failure_message) == (PaymentStatus.FAILED, "card_declined", "Your card was declined.")
    assert await provider.charge(payment, customer) == answer


async def test_an_unknown_method_is_declined(provider: PaymentProvider) -> None:
    answer = await provider.charge(a_payment("nothing"), await a_customer(provider))
    assert answer.status is PaymentStatus.FAILED and answer.failure_code and answer.failure_message


async def test_a_charge_is_refunded_once(provider: PaymentProvider) -> None:
    customer, payment = await a_customer(provider), a_payment()
    answer = await provider.charge(payment, customer)
    payment.settle(answer, NOW)
    note = CreditNote(new_id(), payment.invoice_id, customer.id, "CN-2026-000001", Money(500, "EUR"), "sorry", NOW)
    refunded = await provider.refund(note, payment)
    assert refunded.status is PaymentStatus.SUCCEEDED and refunded.provider_id
    assert await provider.refund(note, payment) == refunded


async def test_what_was_not_charged_cannot_be_refunded(provider: PaymentProvider) -> None:
    payment = a_payment(DECLINED_WHEN_CHARGED)
    payment.provider_id = "pi_unknown"
    note = CreditNote(new_id(), payment.invoice_id, new_id(), "CN-2026-000002", Money(500, "EUR"), "sorry", NOW)
    answer = await provider.refund(note, payment)
    assert answer.status is PaymentStatus.FAILED and answer.failure_message


async def test_a_charge_that_is_not_there_is_for_a_person_to_see(provider: PaymentProvider) -> None:
    with pytest.raises(ProviderRefused):
        await provider.get_charge("pi_that_never_was")


async def test_a_card_whose_owner_must_confirm_is_declined_and_given_up(stripe: StandIn) -> None:
    """`off_session`: nobody is there to confirm. The intent must not succeed later without us."""
    card = {"type": "card", "card[number]": "4000002500003155", "card[exp_month]": "12", "card[exp_year]": "2030", "card[cvc]": "123"}
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}) as client:
        made = (await client.post(f"{stripe.base}/v1/payment_methods", data=card)).json()
    provider = StripeProvider(stripe.settings)
    answer = await provider.charge(a_payment(made["id"]), await a_customer(provider))
    assert (answer.status, answer.failure_code) == (PaymentStatus.FAILED, "authentication_required")
    assert [each["status"] for each in stripe.objects("payment_intents") if each["id"] == answer.provider_id] == ["canceled"]
    assert answer.provider_id and (await provider.get_charge(answer.provider_id)).status is PaymentStatus.FAILED


async def test_the_same_key_with_another_amount_is_refused(stripe: StandIn) -> None:
    provider = StripeProvider(stripe.settings)
    customer, payment = await a_customer(provider), a_payment()
    await provider.charge(payment, customer)
    with pytest.raises(ProviderRefused):
        await provider.charge(replace(payment, amount=Money(1, "EUR")), customer)


async def test_who_does_not_answer_or_know_our_key_is_away(stripe: StandIn) -> None:
    nobody = StripeProvider(Settings({**stripe.environment, "CAPSULE_STRIPE_API_BASE": f"http://127.0.0.1:{free_port()}"}))
    stranger = StripeProvider(Settings({**stripe.environment, "CAPSULE_STRIPE_API_KEY": "sk_test_of_somebody"}))
    for provider in (nobody, stranger):
        with pytest.raises(ProviderUnavailable):
            await provider.open_account(Customer.create(new_id(), "ada@example.org", NOW))


async def test_a_notice_is_read_once_its_signature_is_verified(stripe: StandIn, box: Letterbox) -> None:
    provider, payment = StripeProvider(stripe.settings), a_payment()
    await provider.charge(payment, await a_customer(provider))
    signature, body = until(lambda: next((each for each in box.taken if str(payment.id).encode() in each[1]), None), why="for a notice")

    reader = StripeWebhookVerifier(stripe.settings)
    notice = reader.read(body, signature)
    assert (notice.type, notice.payment_id) == ("payment_intent.succeeded", payment.id) and notice.id.startswith("evt_")
    both = StripeWebhookVerifier(Settings({"CAPSULE_STRIPE_WEBHOOK_SECRET": f"whsec_of_tomorrow, {SECRET}"}))
    assert both.read(body, signature) == notice

    time = signature.split(",")[0]
    changed = body.replace(str(payment.id).encode(), str(uuid4()).encode())
    for content, shown in (
        (changed, signature),
        (body, ""),
        (body, "t=1,v1=00"),
        (body, f"{time},v1=00"),
        (body + b" ", signature),
        (b"\xff", signature),
    ):
        with pytest.raises(InvalidWebhookSignature):
            reader.read(content, shown)
    with pytest.raises(InvalidWebhookSignature):
        StripeWebhookVerifier(Settings({"CAPSULE_STRIPE_WEBHOOK_SECRET": "whsec_another"})).read(body, signature)


async def test_an_old_notice_is_refused(stripe: StandIn) -> None:
    body = '{"id": "evt_1", "object": "event", "type": "plan.created", "data": {"object": {"object": "plan", "id": "plan_1"}}}'
    reader = StripeWebhookVerifier(stripe.settings)
    fresh = WebhookSignature.generate_signature_header(body, SECRET, int(time.time()) - 200)
    assert reader.read(body.encode(), fresh).payment_id is None
    with pytest.raises(InvalidWebhookSignature):
        reader.read(body.encode(), WebhookSignature.generate_signature_header(body, SECRET, int(time.time()) - 301))


async def test_the_stand_in_keeps_its_state(tmp_path: Path) -> None:
    state = tmp_path / "state"
    payment = a_payment()
    with stand_in(state) as stripe:
        customer = await a_customer(StripeProvider(stripe.settings))
        answer: ProviderResult = await StripeProvider(stripe.settings).charge(payment, customer)
    with stand_in(state) as stripe:
        provider = StripeProvider(stripe.settings)
        assert answer.provider_id and await provider.get_charge(answer.provider_id) == answer
        assert await provider.charge(payment, customer) == answer
