"""List your invoices, newest first."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.billing.domain.rejections import CustomerNotFound
from functions.billing.domain.views import InvoiceSummaryView
from functions.billing.ports import Invoices, Subscribers
from functions.kernel import Caller, Model, query


class ListInvoices(Model):
    before: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class InvoicePage(Model):
    """`next` is the `before` of the next page."""

    invoices: list[InvoiceSummaryView]
    next: UUID | None = None


@query(http="GET /v1/billing/invoices", rejects=[CustomerNotFound])
async def invoices(request: ListInvoices, caller: Caller, subscribers: Subscribers, invoices: Invoices) -> InvoicePage:
    subscriber = await subscribers.get(caller.user_id)
    found = await invoices.list_issued(subscriber.customer.id, before=request.before, limit=request.limit + 1)
    page = found[: request.limit]
    return InvoicePage(invoices=[InvoiceSummaryView.of(invoice) for invoice in page], next=page[-1].id if len(found) > request.limit else None)
