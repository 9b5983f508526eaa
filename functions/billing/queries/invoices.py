"""List your invoices, newest first."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.billing.domain.rejections import CustomerNotFound, TeamNotFound
from functions.billing.domain.team import OfTeam
from functions.billing.domain.views import InvoiceSummaryView
from functions.billing.ports import CreditNotes, Invoices, Subscribers
from functions.billing.services.access_control import AccessControl
from functions.kernel import Page, Permission, Permit, query


class ListInvoices(OfTeam):
    cursor: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20


@query(http="GET /v1/billing/invoices", permission=Permission.BILLING_READ, rejects=[TeamNotFound, CustomerNotFound])
async def invoices(
    request: ListInvoices, control: AccessControl, permit: Permit, subscribers: Subscribers, invoices: Invoices, credit_notes: CreditNotes
) -> Page[InvoiceSummaryView]:
    subscriber = await subscribers.get(await control.to_team(permit, request.team_id))
    rows = await invoices.list_issued(subscriber.customer.id, before=request.cursor, limit=request.limit + 1)
    credited = await credit_notes.sum_by_invoice([row.id for row in rows])
    return Page.from_rows(rows, request.limit, lambda row: InvoiceSummaryView.of(row, credited.get(row.id, 0)), cursor=lambda row: row.id)
