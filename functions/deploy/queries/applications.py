"""List your applications, newest first."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from functions.deploy.domain.application import Application
from functions.deploy.ports import Applications
from functions.kernel import Caller, Model, Page, query


class ListApplications(Model):
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: UUID | None = None
    """`next` of the previous page."""


class ApplicationSummaryView(Model):
    id: UUID
    name: str
    repository: str | None
    image: str | None
    created_at: datetime

    @classmethod
    def of(cls, application: Application) -> Self:
        return cls(
            id=application.id,
            name=application.name,
            repository=application.repository,
            image=application.image,
            created_at=application.created_at,
        )


@query(http="GET /v1/apps")
async def applications(request: ListApplications, applications: Applications, caller: Caller) -> Page[ApplicationSummaryView]:
    rows = await applications.page(caller.user_id, before=request.cursor, limit=request.limit + 1)

    return Page.from_rows(rows, request.limit, ApplicationSummaryView.of, cursor=lambda row: row.id)
