"""List the deployments of an application, newest first."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Deployments
from functions.kernel import Caller, Model, query


class ListDeployments(Model):
    application_id: UUID
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: UUID | None = None
    """`next` of the previous page."""


class DeploymentListView(Model):
    id: UUID
    environment: EnvironmentName
    cause: str
    status: str
    reason: str | None
    commit: str | None
    release: int | None
    rolled_back_to: int | None
    url: str | None
    requested_at: datetime
    finished_at: datetime | None


class DeploymentPage(Model):
    items: list[DeploymentListView]
    next: UUID | None


@query(http="GET /v1/apps/{application_id}/deployments", rejects=[ApplicationNotFound])
async def deployments(request: ListDeployments, applications: Applications, deployments: Deployments, caller: Caller) -> DeploymentPage:
    application = await applications.get_owned(request.application_id, caller.user_id)
    found = await deployments.page(application.id, before=request.cursor, limit=request.limit + 1)
    page = found[: request.limit]

    items = [
        DeploymentListView(
            id=each.id,
            environment=each.environment,
            cause=each.cause,
            status=each.status,
            reason=each.reason,
            commit=each.commit,
            release=each.release,
            rolled_back_to=each.rolled_back_to,
            url=each.url,
            requested_at=each.requested_at,
            finished_at=each.finished_at,
        )
        for each in page
    ]
    return DeploymentPage(items=items, next=page[-1].id if len(found) > request.limit else None)
