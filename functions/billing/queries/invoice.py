"""Show an invoice with payment, refunds and disputes."""

from datetime import datetime
from uuid import UUID

from functions.billing.domain.credit_notes import RefundStatus, credited_amount
from functions.billing.domain.payments import PaymentStatus
from functions.billing.domain.rejections import CustomerNotFound, InvoiceNotFound, TeamNotFound
from functions.billing.domain.team import OfTeam
from functions.billing.domain.views import Amount, DisputeView, InvoiceLineView, InvoiceSummaryView
from functions.billing.ports import CreditNotes, Disputes, Invoices, Payments, Subscribers
from functions.billing.services.access_control import AccessControl
from functions.kernel import Model, Permission, Permit, query


class ShowInvoice(OfTeam):
    invoice_id: UUID


class InvoicePaymentView(Model):
    """The last attempt. `detail` says why it was declined."""

    payment_id: UUID
    status: PaymentStatus
    attempt: int
    detail: str | None
    retry_at: datetime | None


class CreditNoteView(Model):
    """`status`: of the refund. `detail`: why it failed."""

    credit_note_id: UUID
    number: str
    amount: Amount
    reason: str
    status: RefundStatus
    detail: str | None
    issued_at: datetime


class InvoiceView(InvoiceSummaryView):
    lines: list[InvoiceLineView]
    payment: InvoicePaymentView | None
    credits: list[CreditNoteView]
    disputes: list[DisputeView]


@query(http="GET /v1/billing/invoices/{invoice_id}", permission=Permission.BILLING_READ, rejects=[TeamNotFound, CustomerNotFound, InvoiceNotFound])
async def invoice(
    request: ShowInvoice,
    control: AccessControl,
    permit: Permit,
    subscribers: Subscribers,
    invoices: Invoices,
    payments: Payments,
    credit_notes: CreditNotes,
    disputes: Disputes,
) -> InvoiceView:
    subscriber = await subscribers.get(await control.to_team(permit, request.team_id))
    invoice = subscriber.require_own(await invoices.get(request.invoice_id))
    if invoice.number is None:
        raise InvoiceNotFound

    notes = await credit_notes.list_for_invoice(invoice.id)
    last = await payments.get_last_attempt(invoice.id)
    return InvoiceView(
        **InvoiceSummaryView.of(invoice, credited_amount(notes)).model_dump(),
        lines=[InvoiceLineView.of(line) for line in invoice.lines],
        payment=last
        and InvoicePaymentView(payment_id=last.id, status=last.status, attempt=last.attempt, detail=last.failure_message, retry_at=last.retry_at),
        credits=[
            CreditNoteView(
                credit_note_id=note.id,
                number=note.number,
                amount=Amount.of(note.amount),
                reason=note.reason,
                status=note.status,
                detail=note.failure,
                issued_at=note.issued_at,
            )
            for note in notes
        ],
        disputes=[DisputeView.of(dispute) for dispute in await disputes.list_for_payments([last.id])] if last else [],
    )
