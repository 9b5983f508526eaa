"""A payment is the intent to charge: written, with all that will be sent, before the provider hears of it.

Its id is the provider's idempotency key, so the same charge asked for twice is one. Another try is another payment with the next attempt number.
Whoever learns that something has happened to a payment (the call's answer, the provider's notice, a look now and then) only says "look at it"
(`PaymentRequested`): what counts is the state that the provider then tells, so notices may come twice, late and in any order.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from functions.billing.domain.invoices import Invoice
from functions.billing.domain.money import Money
from functions.kernel import Event, new_id

RETRIES = (timedelta(days=1), timedelta(days=4), timedelta(days=11))
"""When after its issue an open invoice is charged again; when the last of these has failed too, the subscription is suspended."""

EARLY = timedelta(minutes=1)
"""A timer may come a little before its time; a try within this counts as the one that was due."""

LEAST = 50
"""Minor units that are worth a charge; the provider takes no less."""

UNSETTLED = timedelta(minutes=5)
"""After so long without an outcome the housekeeping has the provider asked again."""


class PaymentRequested(Event, type="payment.requested"):
    """A payment has no outcome yet: charge it, or see what became of it."""

    payment_id: UUID


class PaymentRetryRequested(Event, type="payment.retry-requested"):
    """It is time for the next try, if the invoice is still open and this was its last attempt."""

    payment_id: UUID


class PaymentStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider says of a charge. `method` is the payment method as it is known there from now on."""

    provider_id: str | None
    status: PaymentStatus
    method: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None


@dataclass(slots=True)
class Payment:
    id: UUID
    customer_id: UUID
    invoice_id: UUID
    attempt: int
    amount: Money
    payment_method: str
    created_at: datetime
    status: PaymentStatus = PaymentStatus.PENDING
    provider_id: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    retry_at: datetime | None = None
    settled_at: datetime | None = None
    version: int = 1

    @classmethod
    def intend(cls, invoice: Invoice, payment_method: str, at: datetime, attempt: int = 1) -> "Payment":
        return cls(new_id(), invoice.customer_id, invoice.id, attempt, invoice.total, payment_method, at)

    @property
    def idempotency_key(self) -> str:
        return f"{self.id}-{self.attempt}"

    @property
    def pending(self) -> bool:
        return self.status is PaymentStatus.PENDING

    def settle(self, answer: Answer, at: datetime) -> bool:
        """Takes the provider's answer; whether that was news. An outcome is for good."""
        if not self.pending:
            return False
        self.provider_id = answer.provider_id or self.provider_id
        self.status = answer.status
        if answer.status is PaymentStatus.FAILED:
            self.failure_code = answer.failure_code or "declined"
            self.failure_message = answer.failure_message or "The payment was declined."
        if not self.pending:
            self.settled_at = at
        return not self.pending

    def is_due(self, now: datetime) -> bool:
        """Whether it is time for the try after this one."""
        return not self.pending and self.retry_at is not None and self.retry_at <= now + EARLY

    def try_again(self, issued_at: datetime, now: datetime) -> datetime | None:
        """When the invoice is charged again; None: that was the last try. A card that its owner tries in between does not use up one."""
        self.retry_at = next((issued_at + wait for wait in RETRIES if issued_at + wait > now + EARLY), None)
        return self.retry_at
