"""E-mail a credit note whose refund has an outcome."""

from dataclasses import dataclass
from uuid import UUID

from functions.billing.ports import CreditNoteRenderer, CreditNotes, Customers, Invoices, Mailer
from functions.kernel import Work


@dataclass(frozen=True, slots=True)
class CreditNoteSender:
    credit_notes: CreditNotes
    invoices: Invoices
    customers: Customers
    renderer: CreditNoteRenderer
    mailer: Mailer

    async def send(self, credit_note_id: UUID, work: Work) -> None:
        async with work.reading():
            note = await self.credit_notes.get(credit_note_id)
            invoice = await self.invoices.get(note.invoice_id)
            customer = await self.customers.get(note.customer_id)

        await self.mailer.send_credit_note(note, invoice, customer, await self.renderer.render_pdf(note, invoice, customer))

        async with work.recording():
            pass  # claims the message, so that a redelivery sends no second e-mail
