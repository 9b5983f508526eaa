"""List registrations that are not complete, newest first."""

from uuid import UUID

from pydantic import Field

from functions.auth.domain.registration import Stage
from functions.auth.domain.views import RegistrationView
from functions.auth.ports import Registrations
from functions.kernel import ADMIN, Model, Page, Scale, query


class ListRegistrations(Model):
    status: Stage | None = Field(default=None, description="Without it, all registrations that are not complete.")
    cursor: UUID | None = None
    limit: int = Field(default=50, ge=1, le=200)


@query(http="GET /v1/auth/registrations", allow=ADMIN, scale=Scale(max=1))
async def registrations(request: ListRegistrations, registrations: Registrations) -> Page[RegistrationView]:
    rows = await registrations.list_page(request.status, before=request.cursor, limit=request.limit + 1)
    return Page.from_rows(rows, request.limit, lambda row: RegistrationView.of(row, for_admin=True), cursor=lambda row: row.id)
