"""An invoice as a PDF: printed from what was issued, the same every time."""

from typing import ClassVar
from uuid import UUID

from functions.billing.domain.rejections import InvoiceNotFound
from functions.billing.ports import Customers, Invoices, Printer
from functions.kernel import Caller, File, Model, query


class PrintInvoice(Model):
    invoice_id: UUID


class InvoicePdf(File):
    media_type: ClassVar[str] = "application/pdf"


@query(http="GET /v1/billing/invoices/{invoice_id}/pdf", rejects=[InvoiceNotFound])
async def invoice_pdf(asked: PrintInvoice, caller: Caller, customers: Customers, invoices: Invoices, printer: Printer) -> InvoicePdf:
    customer = await customers.of_user(caller.user_id)
    invoice = await invoices.get(asked.invoice_id)
    if customer is None or invoice.customer_id != customer.id or invoice.number is None:
        raise InvoiceNotFound

    return InvoicePdf(name=f"invoice-{invoice.number}.pdf", content=await printer.invoice(invoice, customer))
