"""Refund a paid invoice, completely or in part.

Issues a credit note. The payment provider is called afterwards.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from functions.billing.domain.credit_notes import CreditNote, RefundRequested, credit_note_series
from functions.billing.domain.ledger import Transaction, TransactionKind
from functions.billing.domain.payment_policy import PaymentPolicy
from functions.billing.domain.rejections import InvoiceNotFound, InvoiceNotPaid, PaymentsOff, RefundTooLarge
from functions.billing.domain.views import Amount
from functions.billing.ports import CreditNotes, Invoices, Ledger, Subscriptions
from functions.kernel import ADMIN, ONE_LINE, Clock, Done, Model, PositiveInt64, command


class RefundInvoice(Model):
    invoice_id: UUID
    amount: Annotated[PositiveInt64 | None, Field(description="Minor units. Default: everything that has not been refunded.")] = None
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), ONE_LINE]


class RefundAccepted(Model):
    operation_id: UUID
    credit_note_id: UUID
    number: str
    invoice_id: UUID
    status: str
    amount: Amount


@command(
    http="POST /v1/billing/invoices/{invoice_id}/refunds",
    status=202,
    allow=ADMIN,
    rejects=[InvoiceNotFound, InvoiceNotPaid, PaymentsOff, RefundTooLarge],
    emits=[RefundRequested],
)
async def refund_invoice(
    request: RefundInvoice,
    subscriptions: Subscriptions,
    invoices: Invoices,
    credit_notes: CreditNotes,
    ledger: Ledger,
    policy: PaymentPolicy,
    clock: Clock,
) -> Done[RefundAccepted]:
    policy.require()
    now = clock.now()
    invoice = await invoices.get(request.invoice_id)
    await subscriptions.lock(invoice.customer_id)
    previous = await credit_notes.list_for_invoice(invoice.id)

    number = await invoices.reserve_number(credit_note_series(now))
    note, events = CreditNote.issue(invoice, previous, request.amount, request.reason, number, now)

    await credit_notes.add(note)
    await ledger.post(Transaction.of(TransactionKind.CREDIT_ISSUED, note.id, note.customer_id, note.amount, now))
    accepted = RefundAccepted(
        operation_id=note.id,
        credit_note_id=note.id,
        number=note.number,
        invoice_id=invoice.id,
        status=note.status.value,
        amount=Amount.of(note.amount),
    )
    return Done(accepted, *events)
