"""One invoice with its lines, the payments that were tried and what was given back."""

from datetime import datetime
from uuid import UUID

from functions.billing.domain.answers import Amount, InvoiceLineView, InvoiceSummary
from functions.billing.domain.credits import RefundStatus
from functions.billing.domain.payments import PaymentStatus
from functions.billing.domain.rejections import InvoiceNotFound
from functions.billing.ports import Credits, Customers, Invoices, Payments
from functions.kernel import Caller, Model, query


class ShowInvoice(Model):
    invoice_id: UUID


class InvoicePayment(Model):
    """The last try. `detail` says why it was declined."""

    payment_id: UUID
    status: PaymentStatus
    attempt: int
    detail: str | None
    retry_at: datetime | None


class InvoiceCredit(Model):
    number: str
    amount: Amount
    reason: str
    status: RefundStatus
    issued_at: datetime


class InvoiceView(InvoiceSummary):
    lines: list[InvoiceLineView]
    payment: InvoicePayment | None
    credits: list[InvoiceCredit]


@query(http="GET /v1/billing/invoices/{invoice_id}", rejects=[InvoiceNotFound])
async def invoice(asked: ShowInvoice, caller: Caller, customers: Customers, invoices: Invoices, payments: Payments, credits: Credits) -> InvoiceView:
    customer = await customers.of_user(caller.user_id)
    found = await invoices.get(asked.invoice_id)
    if customer is None or found.customer_id != customer.id or found.number is None:
        raise InvoiceNotFound

    last = await payments.last_of(found.id)
    return InvoiceView(
        **InvoiceSummary.of(found).model_dump(),
        lines=[InvoiceLineView.of(line) for line in found.lines],
        payment=InvoicePayment(payment_id=last.id, status=last.status, attempt=last.attempt, detail=last.failure_message, retry_at=last.retry_at)
        if last
        else None,
        credits=[
            InvoiceCredit(number=note.number, amount=Amount.of(note.amount), reason=note.reason, status=note.status, issued_at=note.issued_at)
            for note in await credits.of_invoice(found.id)
        ],
    )
