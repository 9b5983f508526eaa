"""Credit notes: what is given back of a paid invoice. Numbered without gaps in a series of their own; the invoice stays as it was written.

The note is issued first, with the intent to refund; the provider hears of it afterwards, with the note's id as idempotency key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from functions.billing.domain.invoices import Invoice, InvoiceStatus
from functions.billing.domain.money import Money
from functions.billing.domain.rejections import InvoiceNotPaid, RefundTooLarge
from functions.kernel import Event, new_id


class RefundRequested(Event, type="refund.requested"):
    """A credit note's money is to be given back, or its outcome to be looked up."""

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

    def settle(self, provider_id: str | None, failure: str | None, at: datetime) -> bool:
        """Whether that was news."""
        if self.status is not RefundStatus.PENDING:
            return False
        self.status = RefundStatus.FAILED if failure else RefundStatus.SUCCEEDED
        self.provider_id, self.failure, self.settled_at = provider_id, failure, at
        return True


def credit(invoice: Invoice, given: Sequence[CreditNote], amount: int | None, reason: str, number: str, at: datetime) -> CreditNote:
    """`amount` None: all that is left. Raises InvoiceNotPaid, RefundTooLarge."""
    if invoice.status is not InvoiceStatus.PAID:
        raise InvoiceNotPaid
    left = refundable(invoice, given)
    wanted = left if amount is None else amount
    if not 0 < wanted <= left:
        raise RefundTooLarge(f"{left} {invoice.total.currency} minor units are left to refund.")
    return CreditNote(new_id(), invoice.id, invoice.customer_id, number, Money(wanted, invoice.total.currency), reason, at)


def refundable(invoice: Invoice, given: Sequence[CreditNote]) -> int:
    """A note whose refund has failed counts too: its credit was given, and a person has to see to the money."""
    return invoice.total.amount - sum(note.amount.amount for note in given)


def credit_series(at: datetime) -> str:
    return f"CN-{at.year}"
