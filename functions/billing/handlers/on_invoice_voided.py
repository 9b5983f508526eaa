"""E-mail the customer that an invoice is void."""

from events.billing import InvoiceVoided
from functions.billing.ports import Customers, Invoices, Mailer
from functions.kernel import Work, effect


@effect()
async def on_invoice_voided(event: InvoiceVoided, invoices: Invoices, customers: Customers, mailer: Mailer, work: Work) -> None:
    async with work.reading():
        invoice = await invoices.get(event.invoice_id)
        customer = await customers.get(invoice.customer_id)

    await mailer.send_invoice_voided(invoice, event.reason, customer)

    async with work.recording():
        pass  # claims the message, so that a redelivery sends no second e-mail
