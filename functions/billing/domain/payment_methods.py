"""Replacing a customer's payment method without a payment.

The request is stored first, then the provider is asked to attach the method. Later charges use it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from functions.billing.domain.payments import PaymentStatus, ProviderResult
from functions.kernel import Event, Events, Form, new_id


def _refuse_card_number(text: str) -> str:
    """The number of a card must not be stored, logged or e-mailed."""
    if text.isdigit():
        raise ValueError("looks like the number of a card, which Capsule must not see: enter the card in the payment form and pass the id (pm_…)")
    return text


PaymentMethodId = Annotated[
    str,
    Field(min_length=3, max_length=255),
    Form("^[A-Za-z0-9_]+$", "the id of a payment method, as in pm_1N2b3C, of letters, digits and _"),
    AfterValidator(_refuse_card_number),
]
"""Of a payment method at the provider."""


class PaymentMethodChangeRequested(Event, type="payment-method.change-requested"):
    """A payment method is to be attached to its customer at the provider."""

    change_id: UUID


class PaymentMethodChangeStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(slots=True)
class PaymentMethodChange:
    id: UUID
    customer_id: UUID
    payment_method: str
    requested_at: datetime
    status: PaymentMethodChangeStatus = PaymentMethodChangeStatus.PENDING
    failure: str | None = None
    settled_at: datetime | None = None
    version: int = 1

    @classmethod
    def request(cls, customer_id: UUID, payment_method: str, now: datetime) -> tuple["PaymentMethodChange", Events]:
        change = cls(new_id(), customer_id, payment_method, now)
        return change, (PaymentMethodChangeRequested(change_id=change.id),)

    @property
    def is_pending(self) -> bool:
        return self.status is PaymentMethodChangeStatus.PENDING

    def settle(self, result: ProviderResult, now: datetime) -> bool:
        """Record the provider's answer. Returns whether the method may be charged from now on."""
        is_attached = result.status is PaymentStatus.SUCCEEDED
        self.status = PaymentMethodChangeStatus.SUCCEEDED if is_attached else PaymentMethodChangeStatus.FAILED
        self.failure = None if is_attached else result.failure_message or "The payment method was declined."
        self.settled_at = now
        return is_attached
