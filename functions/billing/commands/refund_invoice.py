"""Money of a paid invoice is to be given back: a credit note is issued, the provider hears of it afterwards."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.billing.domain.answers import Amount
from functions.billing.domain.credits import RefundRequested, credit, credit_series
from functions.billing.domain.ledger import Fact, booked
from functions.billing.domain.rejections import InvoiceNotFound, InvoiceNotPaid, RefundTooLarge
from functions.billing.ports import Credits, Invoices, Ledger, Subscriptions
from functions.kernel import ADMIN, Clock, Done, Model, command


class RefundInvoice(Model):
    """`amount` in minor units; without it, all that was not refunded before."""

    invoice_id: UUID
    amount: Annotated[int, Field(gt=0)] | None = None
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class RefundAccepted(Model):
    credit_note_id: UUID
    number: str
    invoice_id: UUID
    status: str
    amount: Amount


@command(
    http="POST /v1/billing/invoices/{invoice_id}/refunds",
    answers=202,
    allow=ADMIN,
    rejects=[InvoiceNotFound, InvoiceNotPaid, RefundTooLarge],
    emits=[RefundRequested],
)
async def refund_invoice(
    asked: RefundInvoice, subscriptions: Subscriptions, invoices: Invoices, credits: Credits, ledger: Ledger, clock: Clock
) -> Done[RefundAccepted]:
    now = clock.now()
    invoice = await invoices.get(asked.invoice_id)
    await subscriptions.locked(invoice.customer_id)
    given = await credits.of_invoice(invoice.id)

    note = credit(invoice, given, asked.amount, asked.reason, await invoices.next_number(credit_series(now)), now)

    await credits.add(note)
    await ledger.post(booked(Fact.CREDIT_ISSUED, note.id, note.customer_id, note.amount, now))
    answer = RefundAccepted(
        credit_note_id=note.id, number=note.number, invoice_id=invoice.id, status=note.status.value, amount=Amount.of(note.amount)
    )
    return Done(answer, RefundRequested(credit_note_id=note.id))
