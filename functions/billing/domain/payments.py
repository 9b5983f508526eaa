"""A payment: the intent to charge, stored with everything the charge needs before the provider is called.

Its id is the provider's idempotency key, so the same charge requested twice happens once. Another attempt is another
payment with the next attempt number. Every source of news about a payment (the call's result, Stripe's webhook,
housekeeping) only publishes `PaymentRequested`. The state is then fetched from the provider, so webhooks may arrive
twice, late and in any order.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from events.billing import PaymentFailed, PaymentProcessed
from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import Invoice
from functions.billing.domain.money import Money
from functions.kernel import Event, Events, after, new_id

RETRY_DELAYS = (timedelta(days=1), timedelta(days=4), timedelta(days=11))
"""When, after its issue, an open invoice is charged again. After the last failure the subscription is suspended."""

TIMER_TOLERANCE = timedelta(minutes=1)
"""A timer may fire slightly early; an attempt within this time counts as the due one."""

MIN_CHARGE_MINOR = 50
"""The provider accepts no smaller charge (minor units). https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts"""

SETTLEMENT_TIMEOUT = timedelta(minutes=5)
"""Housekeeping asks the provider about payments that have had no outcome for this long."""


class PaymentRequested(Event, type="payment.requested"):
    """A payment has no outcome: charge it, or read its state at the provider."""

    payment_id: UUID


class PaymentRetryRequested(Event, type="payment.retry-requested"):
    """The next attempt is due if the invoice is still open and this was its last attempt."""

    payment_id: UUID


class PaymentReviewRequested(Event, type="payment.review-requested"):
    """Refunds or disputes of a payment have changed at the provider: read and book them."""

    payment_id: UUID


class PaymentStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ProviderResult:
    """The state of a charge or refund at the provider. `method`: the payment method's id there, for later charges."""

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
    def create(cls, invoice: Invoice, payment_method: str, now: datetime, attempt: int = 1) -> tuple["Payment", Events]:
        payment = cls(new_id(), invoice.customer_id, invoice.id, attempt, invoice.total, payment_method, now)
        return payment, (PaymentRequested(payment_id=payment.id),)

    @property
    def idempotency_key(self) -> str:
        return f"{self.id}-{self.attempt}"

    @property
    def is_pending(self) -> bool:
        return self.status is PaymentStatus.PENDING

    def settle(self, result: ProviderResult, now: datetime) -> bool:
        """Record the provider's result. Returns whether the payment now has its outcome; an outcome never changes."""
        if not self.is_pending:
            return False
        self.provider_id = result.provider_id or self.provider_id
        self.status = result.status
        if result.status is PaymentStatus.FAILED:
            self.failure_code = result.failure_code or "declined"
            self.failure_message = result.failure_message or "The payment was declined."
        if not self.is_pending:
            self.settled_at = now
        return not self.is_pending

    def is_retry_due(self, now: datetime) -> bool:
        return not self.is_pending and self.retry_at is not None and self.retry_at <= now + TIMER_TOLERANCE

    def schedule_retry(self, issued_at: datetime, now: datetime) -> datetime | None:
        """Set and return the time of the next attempt; None after the last. Attempts by the customer in between do not count."""
        self.retry_at = next((issued_at + delay for delay in RETRY_DELAYS if issued_at + delay > now + TIMER_TOLERANCE), None)
        return self.retry_at

    def report(self, invoice: Invoice, customer: Customer, now: datetime) -> Events:
        """The event of the outcome, and the timer of the next attempt if one is scheduled. `()` while the payment is pending."""
        match self.status:
            case PaymentStatus.SUCCEEDED:
                return (PaymentProcessed(**self._identity(customer), plan=invoice.plan_code, at=now),)
            case PaymentStatus.FAILED:
                failed = PaymentFailed(
                    **self._identity(customer),
                    reason=self.failure_code or "",
                    detail=self.failure_message or "",
                    retry_at=self.retry_at,
                    at=now,
                )
                if self.retry_at is None:
                    return (failed,)
                return failed, after(self.retry_at - now, PaymentRetryRequested(payment_id=self.id))
            case _:
                return ()

    def _identity(self, customer: Customer) -> dict[str, Any]:
        """The fields that all events of a payment share."""
        return {
            "payment_id": self.id,
            "invoice_id": self.invoice_id,
            "customer_id": customer.id,
            "user_id": customer.user_id,
            "amount": self.amount.amount,
            "currency": self.amount.currency,
        }
