"""Download a credit note as PDF."""

from typing import ClassVar
from uuid import UUID

from functions.billing.domain.rejections import CreditNoteNotFound, CustomerNotFound, InvoiceNotFound, TeamNotFound
from functions.billing.domain.team import OfTeam
from functions.billing.ports import CreditNoteRenderer, CreditNotes, Invoices, Subscribers
from functions.billing.services.access_control import AccessControl
from functions.kernel import File, Permission, Permit, query


class DownloadCreditNote(OfTeam):
    invoice_id: UUID
    credit_note_id: UUID


class CreditNotePdf(File):
    media_type: ClassVar[str] = "application/pdf"


@query(
    http="GET /v1/billing/invoices/{invoice_id}/credit-notes/{credit_note_id}/pdf",
    permission=Permission.BILLING_READ,
    rejects=[TeamNotFound, CreditNoteNotFound, CustomerNotFound, InvoiceNotFound],
)
async def credit_note_pdf(
    request: DownloadCreditNote,
    control: AccessControl,
    permit: Permit,
    subscribers: Subscribers,
    invoices: Invoices,
    credit_notes: CreditNotes,
    renderer: CreditNoteRenderer,
) -> CreditNotePdf:
    subscriber = await subscribers.get(await control.to_team(permit, request.team_id))
    invoice = subscriber.require_own(await invoices.get(request.invoice_id))
    note = next((each for each in await credit_notes.list_for_invoice(invoice.id) if each.id == request.credit_note_id), None)
    if note is None:
        raise CreditNoteNotFound

    return CreditNotePdf(name=f"credit-note-{note.number}.pdf", content=await renderer.render_pdf(note, invoice, subscriber.customer))
