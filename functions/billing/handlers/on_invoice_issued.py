"""E-mail an issued invoice as PDF to the customer."""

from events.billing import InvoiceIssued
from functions.billing.ports import Customers, InvoiceRenderer, Invoices, Mailer
from functions.kernel import Work, effect


@effect()
async def on_invoice_issued(
    event: InvoiceIssued, invoices: Invoices, customers: Customers, renderer: InvoiceRenderer, mailer: Mailer, work: Work
) -> None:
    async with work.reading():
        invoice = await invoices.get(event.invoice_id)
        customer = await customers.get(invoice.customer_id)

    await mailer.send_invoice(invoice, customer, await renderer.render_pdf(invoice, [], customer))

    async with work.recording():
        pass  # claims the message, so that a redelivery sends no second e-mail
