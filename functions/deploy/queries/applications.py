"""List the applications of your teams, newest first."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from functions.deploy.domain.application import Application
from functions.deploy.domain.rejections import TeamNotFound
from functions.deploy.ports import Applications, Memberships
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Page, Permission, Permit, query


class ListApplications(Model):
    team_id: UUID | None = None
    """Default: all your teams."""
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: UUID | None = None
    """`next` of the previous page."""


class ApplicationSummaryView(Model):
    id: UUID
    name: str
    repository: str | None
    image: str | None
    team_id: UUID
    team: str | None
    """The name of the team; null for a personal team."""
    created_at: datetime

    @classmethod
    def of(cls, application: Application, team: str | None) -> Self:
        return cls(
            id=application.id,
            name=application.name,
            repository=application.repository,
            image=application.image,
            team_id=application.user_id,
            team=team,
            created_at=application.created_at,
        )


@query(http="GET /v1/apps", permission=Permission.APP_READ, rejects=[TeamNotFound])
async def applications(
    request: ListApplications, applications: Applications, memberships: Memberships, control: AccessControl, permit: Permit
) -> Page[ApplicationSummaryView]:
    if request.team_id is None:
        teams = [each.team_id for each in await control.readable_teams(permit)]
    else:
        teams = [(await control.to_team(permit, request.team_id)).team_id]
    rows = await applications.page(teams, before=request.cursor, limit=request.limit + 1)
    names = await memberships.names(teams)

    return Page.from_rows(rows, request.limit, lambda row: ApplicationSummaryView.of(row, names.get(row.user_id)), cursor=lambda row: row.id)
