"""Credit notes: refunds of paid invoices, with a gapless number series of their own.

The invoice itself does not change. The note is issued first, with the intent to refund. The provider is called afterwards with the note's id as
idempotency key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from events.billing import PaymentRefunded
from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import Invoice, InvoiceStatus
from functions.billing.domain.money import Money
from functions.billing.domain.payments import Payment, PaymentStatus, ProviderResult
from functions.billing.domain.rejections import InvoiceNotPaid, RefundTooLarge
from functions.kernel import Event, Events, new_id


class RefundRequested(Event, type="refund.requested"):
    """A credit note waits for its refund: request it from the provider, or read its outcome."""

    credit_note_id: UUID


class RefundStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(slots=True)
class CreditNote:
    id: UUID
    invoice_id: UUID
    customer_id: UUID
    number: str
    amount: Money
    reason: str
    issued_at: datetime
    status: RefundStatus = RefundStatus.PENDING
    provider_id: str | None = None
    failure: str | None = None
    settled_at: datetime | None = None
    version: int = 1

    @classmethod
    def issue(
        cls, invoice: Invoice, previous: Sequence["CreditNote"], amount: int | None, reason: str, number: str, now: datetime
    ) -> tuple["CreditNote", Events]:
        """`amount` in minor units; None refunds everything that is left. Raises InvoiceNotPaid, RefundTooLarge."""
        if invoice.status is not InvoiceStatus.PAID:
            raise InvoiceNotPaid(f"Invoice {invoice.number} is {invoice.status}. Only a paid invoice can be refunded.")
        refundable = refundable_amount(invoice, previous)
        requested = refundable if amount is None else Money(amount, invoice.total.currency)
        if not 0 < requested.amount <= refundable.amount:
            raise RefundTooLarge(f"{requested} cannot be refunded: {refundable} of invoice {invoice.number} are left.")
        note = cls(new_id(), invoice.id, invoice.customer_id, number, requested, reason, now)
        return note, (RefundRequested(credit_note_id=note.id),)

    def settle(self, result: ProviderResult, payment: Payment, customer: Customer, now: datetime) -> Events:
        """Record the outcome of the refund of `payment`. Nothing changes if it has one, or if the provider has none yet."""
        if self.status is not RefundStatus.PENDING or result.status is PaymentStatus.PENDING:
            return ()
        self.status = RefundStatus.FAILED if result.failure_message else RefundStatus.SUCCEEDED
        self.provider_id, self.failure, self.settled_at = result.provider_id, result.failure_message, now
        if self.status is RefundStatus.FAILED:
            return ()
        return (
            PaymentRefunded(
                payment_id=payment.id,
                invoice_id=self.invoice_id,
                customer_id=customer.id,
                user_id=customer.user_id,
                amount=self.amount.amount,
                currency=self.amount.currency,
                credit_note_id=self.id,
                number=self.number,
                at=now,
            ),
        )


def refundable_amount(invoice: Invoice, notes: Sequence[CreditNote]) -> Money:
    """The paid amount less all credit notes. Those with a failed refund count too: their credit is issued and an operator must transfer the money."""
    return Money(invoice.total.amount - sum(note.amount.amount for note in notes), invoice.total.currency)


def credit_note_series(at: datetime) -> str:
    return f"CN-{at.year}"
