"""List invoices of all customers (admin)."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.billing.domain.invoices import InvoiceStatus
from functions.billing.domain.views import InvoiceSummaryView
from functions.billing.ports import CreditNotes, Customers, Invoices
from functions.kernel import ADMIN, Model, Page, query


class ListAllInvoices(Model):
    customer_id: UUID | None = None
    status: InvoiceStatus | None = None
    cursor: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class OperatorInvoiceView(InvoiceSummaryView):
    customer_id: UUID
    email: str


@query(http="GET /v1/billing/operator/invoices", allow=ADMIN)
async def operator_invoices(
    request: ListAllInvoices, invoices: Invoices, customers: Customers, credit_notes: CreditNotes
) -> Page[OperatorInvoiceView]:
    rows = await invoices.list_all(request.customer_id, request.status, before=request.cursor, limit=request.limit + 1)
    credited = await credit_notes.sum_by_invoice([row.id for row in rows])
    customer_of = await customers.get_many({row.customer_id for row in rows})
    views = [
        OperatorInvoiceView(
            **InvoiceSummaryView.of(row, credited.get(row.id, 0)).model_dump(), customer_id=row.customer_id, email=customer_of[row.customer_id].email
        )
        for row in rows
    ]
    return Page.from_rows(views, request.limit, lambda view: view, cursor=lambda view: view.invoice_id)
