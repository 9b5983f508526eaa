"""Contract of the payment provider, on memory and on Stripe's API (its stand-in), and Stripe's own behaviour."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from stripe import WebhookSignature

from functions.billing.adapters.stripe import StripeProvider
from functions.billing.adapters.stripe_webhooks import StripeWebhookVerifier
from functions.billing.domain.credit_notes import CreditNote
from functions.billing.domain.customers import Customer
from functions.billing.domain.disputes import DisputeStatus, ProviderDispute
from functions.billing.domain.money import Money
from functions.billing.domain.payment_methods import PaymentMethodChange
from functions.billing.domain.payments import Payment, PaymentStatus, ProviderResult
from functions.billing.domain.rejections import InvalidWebhook, InvalidWebhookSignature
from functions.billing.ports import PaymentProvider, ProviderRefused, ProviderUnavailable
from functions.kernel import new_id
from functions.runtime.config.settings import Settings
from tests.billing.stripe_stand_in import KEY, SECRET, StandIn, WebhookReceiver, stand_in, webhook_receiver
from tests.memory.billing_provider import DECLINED_AT_ONCE, DECLINED_WHEN_CHARGED, MemoryProvider
from tests.runtime.harness import free_port, until

NOW = datetime(2026, 5, 20, 10, 30, tzinfo=UTC)
VISA = "pm_card_visa"
pytestmark = pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning")  # raised by Stripe's client


@pytest.fixture(scope="module")
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def stripe(receiver: WebhookReceiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with stand_in(tmp_path_factory.mktemp("stripe") / "state", receiver.url) as stripe:
        yield stripe


@pytest.fixture(params=["memory", "stripe"])
def provider(request: pytest.FixtureRequest) -> PaymentProvider:
    if request.param == "memory":
        return MemoryProvider()
    return StripeProvider(request.getfixturevalue("stripe").settings)


def new_payment(method: str = VISA, amount: int = 2000) -> Payment:
    return Payment(new_id(), new_id(), new_id(), 1, Money(amount, "EUR"), method, NOW)


async def new_customer(provider: PaymentProvider) -> Customer:
    customer, _ = Customer.create(new_id(), "ada@example.org", "free", NOW)
    return replace(customer, provider_id=await provider.open_account(customer))


async def test_new_customer_has_one_account(provider: PaymentProvider) -> None:
    customer = await new_customer(provider)
    assert await provider.open_account(replace(customer, provider_id=None)) == customer.provider_id


async def test_an_account_is_closed_once_and_its_payments_stay_known(provider: PaymentProvider) -> None:
    customer = await new_customer(provider)
    charge = await provider.charge(new_payment(), customer)
    for _ in range(2):
        await provider.close_account(customer)
    assert charge.provider_id is not None
    assert (await provider.get_charge(charge.provider_id)).status is PaymentStatus.SUCCEEDED


async def test_a_repeated_charge_happens_once(provider: PaymentProvider) -> None:
    customer, payment = await new_customer(provider), new_payment()
    result = await provider.charge(payment, customer)
    assert result.status is PaymentStatus.SUCCEEDED and result.provider_id and result.method
    assert await provider.charge(payment, customer) == result
    assert (await provider.charge(new_payment(), customer)).provider_id != result.provider_id


async def test_a_charged_method_can_be_charged_again(provider: PaymentProvider) -> None:
    customer = await new_customer(provider)
    first = await provider.charge(new_payment(), customer)
    assert first.method
    second = await provider.charge(new_payment(first.method), replace(customer, payment_method=first.method))
    assert (second.status, second.method) == (PaymentStatus.SUCCEEDED, first.method)


async def test_the_state_of_a_charge_can_be_read(provider: PaymentProvider) -> None:
    result = await provider.charge(new_payment(), await new_customer(provider))
    assert result.provider_id
    assert await provider.get_charge(result.provider_id) == result


@pytest.mark.parametrize("method", [DECLINED_AT_ONCE, DECLINED_WHEN_CHARGED])
async def test_a_declined_charge_is_a_result_with_its_reason(provider: PaymentProvider, method: str) -> None:
    customer, payment = await new_customer(provider), new_payment(method)
    result = await provider.charge(payment, customer)
    assert (result.status, result.failure_code, result.failure_message) == (PaymentStatus.FAILED, "card_declined", "Your card was declined.")
    assert await provider.charge(payment, customer) == result


async def test_an_unknown_method_is_declined(provider: PaymentProvider) -> None:
    result = await provider.charge(new_payment("nothing"), await new_customer(provider))
    assert result.status is PaymentStatus.FAILED and result.failure_code and result.failure_message


async def test_a_charge_is_refunded_once(provider: PaymentProvider) -> None:
    customer, payment = await new_customer(provider), new_payment()
    result = await provider.charge(payment, customer)
    payment.settle(result, NOW)
    note = CreditNote(new_id(), payment.invoice_id, customer.id, "CN-2026-000001", Money(500, "EUR"), "sorry", NOW)
    refunded = await provider.refund(note, payment)
    assert refunded.status is PaymentStatus.SUCCEEDED and refunded.provider_id
    assert await provider.refund(note, payment) == refunded


async def test_a_method_is_attached_without_a_charge(provider: PaymentProvider) -> None:
    customer = await new_customer(provider)
    change, _ = PaymentMethodChange.request(customer.id, VISA, NOW)
    result = await provider.attach(change, customer)
    assert result.status is PaymentStatus.SUCCEEDED and result.method
    assert await provider.attach(change, customer) == result
    charged = await provider.charge(new_payment(result.method), replace(customer, payment_method=result.method))
    assert charged.status is PaymentStatus.SUCCEEDED


@pytest.mark.parametrize("method", ["pm_card_vias", "pm_1", "visa", "4242424242424242"])
async def test_a_mistyped_method_reads_as_one(provider: PaymentProvider, method: str) -> None:
    customer = await new_customer(provider)
    change, _ = PaymentMethodChange.request(customer.id, method, NOW)
    for result in (await provider.attach(change, customer), await provider.charge(new_payment(method), customer)):
        assert (result.status, result.failure_code) == (PaymentStatus.FAILED, "resource_missing")
        assert str(result.failure_message).startswith(f"No such payment method: {method}.")


async def test_refunds_and_disputes_of_a_payment_are_listed(provider: PaymentProvider) -> None:
    customer, payment = await new_customer(provider), new_payment()
    payment.provider_id = (await provider.charge(payment, customer)).provider_id
    assert list(await provider.list_refunds(payment)) == list(await provider.list_disputes(payment)) == []
    note = CreditNote(new_id(), payment.invoice_id, customer.id, "CN-2026-000003", Money(500, "EUR"), "sorry", NOW)
    note.provider_id = (await provider.refund(note, payment)).provider_id
    (refund,) = await provider.list_refunds(payment)
    assert (refund.amount, refund.credit_note_id, refund.provider_id) == (note.amount, note.id, note.provider_id)
    assert await provider.refund(note, payment) == refund.result  # read, not paid again
    assert len(await provider.list_refunds(payment)) == 1


async def test_refunds_and_disputes_made_at_stripe_are_listed_and_reported(stripe: StandIn, receiver: WebhookReceiver) -> None:
    provider, payment = StripeProvider(stripe.settings), new_payment()
    payment.provider_id = (await provider.charge(payment, await new_customer(provider))).provider_id
    assert payment.provider_id
    async with httpx.AsyncClient(base_url=stripe.base, headers={"Authorization": f"Bearer {KEY}"}) as client:
        refund = (await client.post("/v1/refunds", data={"payment_intent": payment.provider_id, "amount": "300"})).json()
        dispute = (await client.post("/v1/disputes", data={"payment_intent": payment.provider_id, "reason": "fraudulent"})).json()
        (listed,) = await provider.list_refunds(payment)
        assert (listed.provider_id, listed.amount, listed.credit_note_id) == (refund["id"], Money(300, "EUR"), None)
        opened = ProviderDispute(dispute["id"], Money(2000, "EUR"), "fraudulent", DisputeStatus.OPEN)
        assert list(await provider.list_disputes(payment)) == [opened]
        await client.post(f"/v1/refunds/{refund['id']}", data={"status": "failed"})
        await client.post(f"/v1/disputes/{dispute['id']}", data={"status": "lost"})
    (failed,) = await provider.list_refunds(payment)
    assert failed.result.status is PaymentStatus.FAILED and failed.result.failure_message
    assert list(await provider.list_disputes(payment)) == [replace(opened, status=DisputeStatus.LOST)]
    verifier = StripeWebhookVerifier(stripe.settings)
    for type in ("refund.created", "refund.failed", "charge.dispute.created", "charge.dispute.closed"):
        signature, body = until(
            lambda type=type: next((each for each in receiver.of_type(type) if str(payment.provider_id).encode() in each[1]), None),
            why=f"for {type}",
        )
        event = verifier.parse(body, signature)
        assert event.is_reversal and event.provider_payment_id == payment.provider_id


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "null",
        "not JSON",
        '"text"',
        "{}",
        '{"id": "evt_1", "type": "payment_intent.succeeded"}',
        '{"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": []}}',
        '{"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": "text"}}',
        '{"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1", "metadata": "text"}}}',
        '{"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1", "metadata": {"capsule_payment": 1}}}}',
        '{"id": "evt_\\u0000", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1"}}}',
        '{"id": "evt_1", "type": "charge.dispute.created", "data": {"object": {"id": "dp_1", "payment_intent": 7}}}',
        '{"id": ["evt_1"], "type": "charge.refunded", "data": {"object": {"id": "ch_1"}}}',
        '{"id": "' + "e" * 300 + '", "type": "charge.refunded", "data": {"object": {"id": "ch_1"}}}',
        "[" * 5000,
    ],
)
def test_a_signed_body_that_is_no_event_is_refused(body: str) -> None:
    verifier = StripeWebhookVerifier(Settings({"CAPSULE_STRIPE_WEBHOOK_SECRET": SECRET}))
    with pytest.raises(InvalidWebhook):
        verifier.parse(body.encode(), WebhookSignature.generate_signature_header(body, SECRET, int(time.time())))


async def test_a_missing_charge_cannot_be_refunded(provider: PaymentProvider) -> None:
    payment = new_payment(DECLINED_WHEN_CHARGED)
    payment.provider_id = "pi_unknown"
    note = CreditNote(new_id(), payment.invoice_id, new_id(), "CN-2026-000002", Money(500, "EUR"), "sorry", NOW)
    result = await provider.refund(note, payment)
    assert result.status is PaymentStatus.FAILED and result.failure_message


async def test_reading_a_missing_charge_is_refused(provider: PaymentProvider) -> None:
    with pytest.raises(ProviderRefused):
        await provider.get_charge("pi_that_never_was")


async def test_a_card_that_needs_confirmation_is_declined_and_cancelled(stripe: StandIn) -> None:
    """`off_session`: the customer is not present to confirm. The intent must not succeed later."""
    card = {"type": "card", "card[number]": "4000002500003155", "card[exp_month]": "12", "card[exp_year]": "2030", "card[cvc]": "123"}
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}) as client:
        card_method = (await client.post(f"{stripe.base}/v1/payment_methods", data=card)).json()
    provider = StripeProvider(stripe.settings)
    result = await provider.charge(new_payment(card_method["id"]), await new_customer(provider))
    assert (result.status, result.failure_code) == (PaymentStatus.FAILED, "authentication_required")
    assert [each["status"] for each in stripe.objects("payment_intents") if each["id"] == result.provider_id] == ["canceled"]
    assert result.provider_id and (await provider.get_charge(result.provider_id)).status is PaymentStatus.FAILED


async def test_the_same_idempotency_key_with_another_amount_is_refused(stripe: StandIn) -> None:
    provider = StripeProvider(stripe.settings)
    customer, payment = await new_customer(provider), new_payment()
    await provider.charge(payment, customer)
    with pytest.raises(ProviderRefused):
        await provider.charge(replace(payment, amount=Money(1, "EUR")), customer)


async def test_an_unreachable_provider_or_an_invalid_key_is_unavailable(stripe: StandIn) -> None:
    unreachable = StripeProvider(Settings({**stripe.environment, "CAPSULE_STRIPE_API_BASE": f"http://127.0.0.1:{free_port()}"}))
    unauthorized = StripeProvider(Settings({**stripe.environment, "CAPSULE_STRIPE_API_KEY": "sk_test_invalid"}))
    for provider in (unreachable, unauthorized):
        with pytest.raises(ProviderUnavailable):
            await provider.open_account(Customer(new_id(), new_id(), "ada@example.org", NOW))


async def test_a_webhook_is_parsed_after_its_signature_is_verified(stripe: StandIn, receiver: WebhookReceiver) -> None:
    provider, payment = StripeProvider(stripe.settings), new_payment()
    await provider.charge(payment, await new_customer(provider))
    signature, body = until(lambda: next((each for each in receiver.received if str(payment.id).encode() in each[1]), None), why="for the webhook")

    verifier = StripeWebhookVerifier(stripe.settings)
    event = verifier.parse(body, signature)
    assert (event.type, event.payment_id) == ("payment_intent.succeeded", payment.id) and event.id.startswith("evt_")
    both = StripeWebhookVerifier(Settings({"CAPSULE_STRIPE_WEBHOOK_SECRET": f"whsec_next, {SECRET}"}))
    assert both.parse(body, signature) == event

    time = signature.split(",")[0]
    changed = body.replace(str(payment.id).encode(), str(uuid4()).encode())
    for content, header in (
        (changed, signature),
        (body, ""),
        (body, "t=1,v1=00"),
        (body, f"{signature.split(',')[0]},v1=é"),
        (body, f"{time},v1=00"),
        (body + b" ", signature),
        (b"\xff", signature),
    ):
        with pytest.raises(InvalidWebhookSignature):
            verifier.parse(content, header)
    with pytest.raises(InvalidWebhookSignature):
        StripeWebhookVerifier(Settings({"CAPSULE_STRIPE_WEBHOOK_SECRET": "whsec_another"})).parse(body, signature)


async def test_an_old_webhook_is_rejected(stripe: StandIn) -> None:
    body = '{"id": "evt_1", "object": "event", "type": "plan.created", "data": {"object": {"object": "plan", "id": "plan_1"}}}'
    verifier = StripeWebhookVerifier(stripe.settings)
    fresh = WebhookSignature.generate_signature_header(body, SECRET, int(time.time()) - 200)
    assert verifier.parse(body.encode(), fresh).payment_id is None
    with pytest.raises(InvalidWebhookSignature):
        verifier.parse(body.encode(), WebhookSignature.generate_signature_header(body, SECRET, int(time.time()) - 301))


async def test_the_stand_in_persists_its_state(tmp_path: Path) -> None:
    state = tmp_path / "state"
    payment = new_payment()
    with stand_in(state) as stripe:
        customer = await new_customer(StripeProvider(stripe.settings))
        result: ProviderResult = await StripeProvider(stripe.settings).charge(payment, customer)
    with stand_in(state) as stripe:
        provider = StripeProvider(stripe.settings)
        assert result.provider_id and await provider.get_charge(result.provider_id) == result
        assert await provider.charge(payment, customer) == result
