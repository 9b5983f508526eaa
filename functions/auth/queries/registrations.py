"""An administrator sees which registrations are not complete, and why."""

from uuid import UUID

from pydantic import Field

from functions.auth.domain.registration import Stage
from functions.auth.domain.shown import ShownRegistration
from functions.auth.ports import Registrations
from functions.kernel import ADMIN, Model, Scale, query


class ListRegistrations(Model):
    """Without a status, all that are not complete."""

    status: Stage | None = None
    before: UUID | None = None
    limit: int = Field(default=50, ge=1, le=200)


class RegistrationPage(Model):
    registrations: list[ShownRegistration]
    next: UUID | None
    """The `before` of the next page."""


@query(http="GET /v1/auth/registrations", allow=ADMIN, scale=Scale(max=1))
async def registrations(asked: ListRegistrations, registrations: Registrations) -> RegistrationPage:
    found = await registrations.page(asked.status, before=asked.before, limit=asked.limit)
    return RegistrationPage(
        registrations=[ShownRegistration.of(each, to_admin=True) for each in found],
        next=found[-1].id if len(found) == asked.limit else None,
    )
