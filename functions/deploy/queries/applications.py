"""List your applications, newest first."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.deploy.ports import Applications
from functions.kernel import Caller, Model, query


class ListApplications(Model):
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: UUID | None = None
    """`next` of the previous page."""


class ApplicationListView(Model):
    id: UUID
    name: str
    repository: str
    created_at: datetime


class ApplicationPage(Model):
    items: list[ApplicationListView]
    next: UUID | None


@query(http="GET /v1/apps")
async def applications(request: ListApplications, applications: Applications, caller: Caller) -> ApplicationPage:
    found = await applications.page(caller.user_id, before=request.cursor, limit=request.limit + 1)
    page = found[: request.limit]
    return ApplicationPage(
        items=[ApplicationListView(id=each.id, name=each.name, repository=each.repository, created_at=each.created_at) for each in page],
        next=page[-1].id if len(found) > request.limit else None,
    )
