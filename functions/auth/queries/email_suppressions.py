"""List addresses that get no e-mails."""

from typing import Annotated

from pydantic import Field

from functions.auth.domain.email_delivery import EmailSuppressionView
from functions.auth.ports import Suppressions
from functions.kernel import ADMIN, Model, Page, Scale, Text, query

Address = Annotated[Text, Field(max_length=320)]


class ListEmailSuppressions(Model):
    search: Annotated[Address, Field(description="Part of the address.")] = ""
    cursor: Address | None = None
    limit: int = Field(default=50, ge=1, le=200)


@query(http="GET /v1/admin/email-suppressions", allow=ADMIN, scale=Scale(max=1))
async def email_suppressions(request: ListEmailSuppressions, suppressions: Suppressions) -> Page[EmailSuppressionView]:
    rows = await suppressions.list_page(request.search.strip(), after=request.cursor, limit=request.limit + 1)
    return Page.from_rows(rows, request.limit, EmailSuppressionView.of, cursor=lambda row: row.address)
