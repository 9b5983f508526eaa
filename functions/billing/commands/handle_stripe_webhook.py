"""Handle a webhook from Stripe.

The payload is not trusted: on any event about a payment, its refunds or its disputes, the current state is fetched from
Stripe. https://docs.stripe.com/webhooks
"""

from functions.billing.domain.payments import PaymentRequested, PaymentReviewRequested
from functions.billing.domain.rejections import InvalidWebhook, InvalidWebhookSignature
from functions.billing.ports import Payments, WebhookEvents, WebhookVerifier
from functions.kernel import ANYONE, Clock, Done, RawRequest, Text, command


class StripeWebhook(RawRequest):
    """The request as Stripe sends it: a JSON event, signed over its exact bytes."""

    stripe_signature: Text = ""


@command(
    http="POST /v1/billing/webhooks/stripe",
    status=204,
    allow=ANYONE,
    rejects=[InvalidWebhook, InvalidWebhookSignature],
    emits=[PaymentRequested, PaymentReviewRequested],
)
async def handle_stripe_webhook(
    request: StripeWebhook, verifier: WebhookVerifier, webhook_events: WebhookEvents, payments: Payments, clock: Clock
) -> Done[None]:
    event = verifier.parse(request.body, request.stripe_signature)

    is_new = await webhook_events.add(event.id, event.type, clock.now())
    payment = await payments.get(event.payment_id) if event.payment_id else None
    if payment is None and event.provider_payment_id:
        payment = await payments.get_by_provider_id(event.provider_payment_id)
    if not is_new or payment is None:
        return Done(None)
    return Done(None, PaymentReviewRequested(payment_id=payment.id) if event.is_reversal else PaymentRequested(payment_id=payment.id))
