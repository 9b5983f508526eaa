"""A customer's invoices, newest first."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.billing.domain.answers import InvoiceSummary
from functions.billing.domain.rejections import CustomerNotFound
from functions.billing.ports import Customers, Invoices
from functions.kernel import Caller, Model, query


class ListInvoices(Model):
    before: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class InvoicePage(Model):
    """`next` goes into `before` for the next page."""

    invoices: list[InvoiceSummary]
    next: UUID | None = None


@query(http="GET /v1/billing/invoices", rejects=[CustomerNotFound])
async def invoices(asked: ListInvoices, caller: Caller, customers: Customers, issued: Invoices) -> InvoicePage:
    customer = await customers.of_user(caller.user_id)
    if customer is None:
        raise CustomerNotFound

    found = await issued.page(customer.id, before=asked.before, limit=asked.limit + 1)
    page = found[: asked.limit]
    return InvoicePage(invoices=[InvoiceSummary.of(invoice) for invoice in page], next=page[-1].id if len(found) > asked.limit else None)
