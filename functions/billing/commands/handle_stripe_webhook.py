"""The payment provider says that something has happened. Believed is only that it is time to look: the state is then asked for."""

from functions.billing.domain.payments import PaymentRequested
from functions.billing.domain.rejections import BadSignature
from functions.billing.ports import NoticeReader, Notices
from functions.kernel import ANYONE, Clock, Done, RawRequest, command


class StripeNotice(RawRequest):
    """As Stripe sends it: an event in JSON, signed over its very bytes."""

    stripe_signature: str = ""


@command(http="POST /v1/billing/webhooks/stripe", answers=204, allow=ANYONE, rejects=[BadSignature], emits=[PaymentRequested])
async def handle_stripe_webhook(asked: StripeNotice, reader: NoticeReader, notices: Notices, clock: Clock) -> Done[None]:
    notice = reader.read(asked.body, asked.stripe_signature)

    if not await notices.first_seen(notice.id, notice.type, clock.now()) or notice.payment_id is None:
        return Done(None)
    return Done(None, PaymentRequested(payment_id=notice.payment_id))
