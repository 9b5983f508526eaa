"""Credit notes: refunds of paid invoices, with a gapless number series of their own.

The invoice itself does not change. The note is issued first, with the intent to refund. The provider is called afterwards with the note's id as
idempotency key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

from events.billing import PaymentRefunded, RefundFailed
from functions.billing.domain.customers import Customer
from functions.billing.domain.invoices import Invoice, InvoiceStatus
from functions.billing.domain.ledger import Transaction, TransactionKind
from functions.billing.domain.money import Money
from functions.billing.domain.payments import Payment, PaymentStatus, ProviderResult
from functions.billing.domain.rejections import InvoiceNotPaid, RefundTooLarge
from functions.kernel import Event, Events, new_id


class RefundRequested(Event, type="refund.requested"):
    """A credit note waits for its refund: request it from the provider, or read its outcome."""

    credit_note_id: UUID


@dataclass(frozen=True, slots=True)
class ProviderRefund:
    """A refund as the provider has it. `credit_note_id`: the note that it was made for; None if it was made at the provider."""

    amount: Money
    result: ProviderResult
    credit_note_id: UUID | None

    @property
    def provider_id(self) -> str | None:
        return self.result.provider_id

    def is_of(self, note: "CreditNote") -> bool:
        """Whether it was made for this note."""
        return self.credit_note_id == note.id or (self.provider_id is not None and self.provider_id == note.provider_id)

    def replaces(self, note: "CreditNote") -> bool:
        """Whether an operator has made it at the provider instead of the note's refund, which failed."""
        is_foreign = self.credit_note_id is None and self.result.status is PaymentStatus.SUCCEEDED
        return is_foreign and note.status is RefundStatus.FAILED and self.amount == note.amount


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

    @classmethod
    def of_provider_refund(cls, invoice: Invoice, refund: "ProviderRefund", number: str, now: datetime) -> "CreditNote":
        """The credit note of a refund that was made at the payment provider."""
        reason = "Refunded by the payment provider"
        return cls(new_id(), invoice.id, invoice.customer_id, number, refund.amount, reason, now, provider_id=refund.provider_id)

    def settle(self, result: ProviderResult, payment: Payment, customer: Customer, now: datetime) -> Events:
        """Record the state of the refund of `payment` at the provider. Returns an event if its outcome is new.

        A refund that has succeeded may still fail, when the customer's bank returns the money.
        https://docs.stripe.com/refunds#failed-refunds
        """
        self.provider_id = result.provider_id or self.provider_id
        status = RefundStatus(result.status.value)
        if status in (self.status, RefundStatus.PENDING):
            return ()
        self.status, self.settled_at = status, now
        self.failure = (result.failure_message or "The refund failed.") if status is RefundStatus.FAILED else None
        fields = {
            "payment_id": payment.id,
            "invoice_id": self.invoice_id,
            "customer_id": customer.id,
            "user_id": customer.user_id,
            "amount": self.amount.amount,
            "currency": self.amount.currency,
            "credit_note_id": self.id,
            "number": self.number,
            "at": now,
        }
        return (RefundFailed(**fields, detail=self.failure),) if self.failure else (PaymentRefunded(**fields),)

    def transaction(self, former: RefundStatus, now: datetime) -> Transaction | None:
        """The ledger transaction of a change from `former` to the current status; None if no money has moved."""
        if former is self.status or (former is RefundStatus.PENDING and self.status is RefundStatus.FAILED):
            return None
        kind = TransactionKind.REFUND_PAID if self.status is RefundStatus.SUCCEEDED else TransactionKind.REFUND_FAILED
        reference = self.id if former is RefundStatus.PENDING else uuid5(self.id, f"{self.provider_id} {self.status}")
        return Transaction.of(kind, reference, self.customer_id, self.amount, now)


def refundable_amount(invoice: Invoice, notes: Sequence[CreditNote]) -> Money:
    """The paid amount less all credit notes. Those with a failed refund count too: their credit is issued and an operator must transfer the money."""
    return Money(invoice.total.amount - credited_amount(notes), invoice.total.currency)


def credit_note_series(at: datetime) -> str:
    return f"CN-{at.year}"


def credited_amount(notes: Sequence[CreditNote]) -> int:
    """The sum of the credit notes of an invoice, in minor units, whatever became of their refunds."""
    return sum(note.amount.amount for note in notes)
