"""List registrations that are not complete, newest first."""

from uuid import UUID

from pydantic import Field

from functions.auth.domain.registration import Stage
from functions.auth.domain.views import RegistrationView
from functions.auth.ports import Registrations
from functions.kernel import ADMIN, Model, Scale, query


class ListRegistrations(Model):
    status: Stage | None = Field(default=None, description="Without it, all registrations that are not complete.")
    before: UUID | None = None
    limit: int = Field(default=50, ge=1, le=200)


class RegistrationPage(Model):
    registrations: list[RegistrationView]
    next: UUID | None
    """The `before` of the next page."""


@query(http="GET /v1/auth/registrations", allow=ADMIN, scale=Scale(max=1))
async def registrations(request: ListRegistrations, registrations: Registrations) -> RegistrationPage:
    page = await registrations.list_page(request.status, before=request.before, limit=request.limit)
    return RegistrationPage(
        registrations=[RegistrationView.of(each, for_admin=True) for each in page],
        next=page[-1].id if len(page) == request.limit else None,
    )
