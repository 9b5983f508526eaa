"""List the deployments of an application, newest first."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Deployments
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Page, Permission, Permit, query


class ListDeployments(Model):
    application_id: UUID
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: UUID | None = None
    """`next` of the previous page."""


class DeploymentSummaryView(Model):
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
    started_by: UUID | None
    """The user or service account that asked for it. Null: Capsule itself, or unknown."""
    finished_at: datetime | None

    @classmethod
    def of(cls, deployment: Deployment) -> Self:
        return cls(
            id=deployment.id,
            environment=deployment.environment,
            cause=deployment.cause,
            status=deployment.status,
            reason=deployment.reason,
            commit=deployment.commit,
            release=deployment.release,
            rolled_back_to=deployment.rolled_back_to,
            url=deployment.url,
            requested_at=deployment.requested_at,
            started_by=deployment.started_by,
            finished_at=deployment.finished_at,
        )


@query(http="GET /v1/apps/{application_id}/deployments", permission=Permission.APP_READ, rejects=[ApplicationNotFound])
async def deployments(
    request: ListDeployments, applications: Applications, deployments: Deployments, control: AccessControl, permit: Permit
) -> Page[DeploymentSummaryView]:
    application = await applications.get(await control.to_application(permit, request.application_id))
    rows = await deployments.page(application.id, before=request.cursor, limit=request.limit + 1)

    return Page.from_rows(rows, request.limit, DeploymentSummaryView.of, cursor=lambda row: row.id)
