"""The deployments of an application, newest first."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.deploy.domain.names import Environment
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Deployments, Releases
from functions.kernel import Caller, Model, query


class ListDeployments(Model):
    application_id: UUID
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: UUID | None = None
    """`next` of the page before."""


class ListedDeployment(Model):
    id: UUID
    environment: Environment
    status: str
    reason: str | None
    commit: str | None
    release: int | None
    url: str | None
    requested_at: datetime
    finished_at: datetime | None


class DeploymentPage(Model):
    items: list[ListedDeployment]
    next: UUID | None


@query(http="GET /v1/apps/{application_id}/deployments", rejects=[ApplicationNotFound])
async def deployments(
    asked: ListDeployments, applications: Applications, deployments: Deployments, releases: Releases, caller: Caller
) -> DeploymentPage:
    application = (await applications.get(asked.application_id)).owned_by(caller.user_id)
    found = await deployments.page(application.id, before=asked.cursor, limit=asked.limit + 1)
    shown = found[: asked.limit]
    numbers = await releases.numbers([each.release_id for each in shown if each.release_id])

    items = [
        ListedDeployment(
            id=each.id,
            environment=each.environment,
            status=each.status,
            reason=each.reason,
            commit=each.commit,
            release=numbers[each.release_id] if each.release_id else None,
            url=each.url,
            requested_at=each.requested_at,
            finished_at=each.finished_at,
        )
        for each in shown
    ]
    return DeploymentPage(items=items, next=shown[-1].id if len(found) > asked.limit else None)
