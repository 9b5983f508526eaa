"""A user's applications, newest first."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.deploy.ports import Applications
from functions.kernel import Caller, Model, query


class ListApplications(Model):
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: UUID | None = None
    """`next` of the page before."""


class ListedApplication(Model):
    id: UUID
    name: str
    repository: str
    created_at: datetime


class ApplicationPage(Model):
    items: list[ListedApplication]
    next: UUID | None


@query(http="GET /v1/apps")
async def applications(asked: ListApplications, applications: Applications, caller: Caller) -> ApplicationPage:
    found = await applications.page(caller.user_id, before=asked.cursor, limit=asked.limit + 1)
    shown = found[: asked.limit]
    return ApplicationPage(
        items=[ListedApplication(id=each.id, name=each.name, repository=each.repository, created_at=each.created_at) for each in shown],
        next=shown[-1].id if len(found) > asked.limit else None,
    )
