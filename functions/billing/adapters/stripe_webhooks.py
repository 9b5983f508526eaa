"""Webhooks from Stripe: signature and shape. https://docs.stripe.com/webhooks"""

from typing import Annotated, Any
from uuid import UUID

import stripe
from pydantic import BaseModel, StringConstraints, ValidationError

from functions.billing.adapters.variables import STRIPE_WEBHOOK_SECRET
from functions.billing.domain.rejections import InvalidWebhook, InvalidWebhookSignature
from functions.billing.ports import WebhookEvent
from functions.runtime.config.settings import Settings

SIGNATURE_TOLERANCE_SECONDS = 300
"""Maximum age of a webhook. https://docs.stripe.com/webhooks#replay-attacks"""
REVERSALS = ("charge.refund", "charge.dispute.", "refund.")
"""Beginnings of the types of events about refunds and disputes. https://docs.stripe.com/api/events/types"""
PAYMENT = "capsule_payment"
"""Key of the metadata of our payments."""
Identifier = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,255}$")]


class _Expanded(BaseModel):
    id: Identifier


class _Subject(BaseModel):
    """A payment intent, charge, refund or dispute."""

    id: Identifier
    payment_intent: Identifier | _Expanded | None = None
    metadata: dict[str, str] | None = None


class _Data(BaseModel):
    object: dict[str, Any]


class _Event(BaseModel):
    """What Capsule reads of an event. https://docs.stripe.com/api/events/object"""

    id: Identifier
    type: Identifier
    data: _Data


class StripeWebhookVerifier:
    """`CAPSULE_STRIPE_WEBHOOK_SECRET` may hold several secrets, separated by commas, so that a rotation loses no webhook."""

    def __init__(self, settings: Settings) -> None:
        self._secrets = settings.following(STRIPE_WEBHOOK_SECRET)

    def parse(self, body: bytes, signature: str) -> WebhookEvent:
        self._verify(body, signature)
        try:
            event = _Event.model_validate_json(body)
            is_reversal = event.type.startswith(REVERSALS)
            if not is_reversal and not event.type.startswith("payment_intent."):
                return WebhookEvent(event.id, event.type)
            subject = _Subject.model_validate(event.data.object)
        except ValidationError as error:
            place = ".".join(str(part) for part in error.errors()[0]["loc"]) or "body"
            raise InvalidWebhook(f"{place} is not as in an event of Stripe: {error.errors()[0]['msg']}.") from error
        intent = subject.payment_intent if is_reversal else subject.id
        provider_payment_id = intent.id if isinstance(intent, _Expanded) else intent
        return WebhookEvent(event.id, event.type, _uuid((subject.metadata or {}).get(PAYMENT)), provider_payment_id, is_reversal)

    def _verify(self, body: bytes, signature: str) -> None:
        secrets = self._secrets()
        if not secrets:
            raise InvalidWebhookSignature(f"No signing secret is configured: {STRIPE_WEBHOOK_SECRET.name} is not set.")
        cause: Exception | None = None
        for secret in secrets:
            try:
                stripe.WebhookSignature.verify_header(body, signature, secret, SIGNATURE_TOLERANCE_SECONDS)
                return
            except (stripe.SignatureVerificationError, UnicodeDecodeError, TypeError) as error:  # TypeError: a signature with other than ASCII
                cause = error
        raise InvalidWebhookSignature from cause


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(str(text)) if text else None
    except ValueError:
        return None
