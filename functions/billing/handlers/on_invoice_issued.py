"""An invoice is mailed to who pays it, as a PDF."""

from events.billing import InvoiceIssued
from functions.billing.ports import Customers, Invoices, Mailer, Printer
from functions.kernel import Work, effect


@effect()
async def on_invoice_issued(issued: InvoiceIssued, invoices: Invoices, customers: Customers, printer: Printer, mailer: Mailer, work: Work) -> None:
    async with work.reading():
        invoice = await invoices.get(issued.invoice_id)
        customer = await customers.get(invoice.customer_id)

    await mailer.send_invoice(invoice, customer, await printer.invoice(invoice, customer))

    async with work.recording():
        pass  # that it was mailed
