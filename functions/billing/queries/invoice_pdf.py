"""Download an invoice as PDF."""

from typing import ClassVar
from uuid import UUID

from functions.billing.domain.rejections import CustomerNotFound, InvoiceNotFound, TeamNotFound
from functions.billing.domain.team import OfTeam
from functions.billing.ports import CreditNotes, InvoiceRenderer, Invoices, Subscribers
from functions.billing.services.access_control import AccessControl
from functions.kernel import File, Permission, Permit, query


class DownloadInvoice(OfTeam):
    invoice_id: UUID


class InvoicePdf(File):
    media_type: ClassVar[str] = "application/pdf"


@query(
    http="GET /v1/billing/invoices/{invoice_id}/pdf", permission=Permission.BILLING_READ, rejects=[TeamNotFound, CustomerNotFound, InvoiceNotFound]
)
async def invoice_pdf(
    request: DownloadInvoice,
    control: AccessControl,
    permit: Permit,
    subscribers: Subscribers,
    invoices: Invoices,
    credit_notes: CreditNotes,
    renderer: InvoiceRenderer,
) -> InvoicePdf:
    subscriber = await subscribers.get(await control.to_team(permit, request.team_id))
    invoice = subscriber.require_own(await invoices.get(request.invoice_id))
    if invoice.number is None:
        raise InvoiceNotFound

    content = await renderer.render_pdf(invoice, await credit_notes.list_for_invoice(invoice.id), subscriber.customer)
    return InvoicePdf(name=f"invoice-{invoice.number}.pdf", content=content)
