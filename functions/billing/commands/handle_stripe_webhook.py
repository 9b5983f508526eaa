"""Handle a webhook from Stripe.

The payload is not trusted: on any event about a payment, the payment's current state is fetched from Stripe.
https://docs.stripe.com/webhooks
"""

from functions.billing.domain.payments import PaymentRequested
from functions.billing.domain.rejections import InvalidWebhookSignature
from functions.billing.ports import WebhookEvents, WebhookVerifier
from functions.kernel import ANYONE, Clock, Done, RawRequest, command


class StripeWebhook(RawRequest):
    """The request as Stripe sends it: a JSON event, signed over its exact bytes."""

    stripe_signature: str = ""


@command(http="POST /v1/billing/webhooks/stripe", status=204, allow=ANYONE, rejects=[InvalidWebhookSignature], emits=[PaymentRequested])
async def handle_stripe_webhook(request: StripeWebhook, verifier: WebhookVerifier, webhook_events: WebhookEvents, clock: Clock) -> Done[None]:
    event = verifier.parse(request.body, request.stripe_signature)

    is_new = await webhook_events.add(event.id, event.type, clock.now())
    if not is_new or event.payment_id is None:
        return Done(None)
    return Done(None, PaymentRequested(payment_id=event.payment_id))
