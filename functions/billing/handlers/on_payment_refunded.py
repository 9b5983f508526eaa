"""E-mail the credit note of a refund that succeeded."""

from events.billing import PaymentRefunded
from functions.billing.ports import CreditNoteRenderer, CreditNotes, Customers, Invoices, Mailer
from functions.kernel import Work, effect


@effect()
async def on_payment_refunded(
    event: PaymentRefunded,
    credit_notes: CreditNotes,
    invoices: Invoices,
    customers: Customers,
    renderer: CreditNoteRenderer,
    mailer: Mailer,
    work: Work,
) -> None:
    async with work.reading():
        note = await credit_notes.get(event.credit_note_id)
        invoice = await invoices.get(note.invoice_id)
        customer = await customers.get(note.customer_id)

    await mailer.send_credit_note(note, invoice, customer, await renderer.render_pdf(note, invoice, customer))

    async with work.recording():
        pass  # claims the message, so that a redelivery sends no second e-mail
