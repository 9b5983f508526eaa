"""One deployment: where it stands, since when, and why it ended as it did."""

from datetime import datetime
from uuid import UUID

from functions.deploy.domain.facts import summary
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound, DeploymentNotFound
from functions.deploy.ports import Applications, Deployments
from functions.kernel import Caller, Model, query


class ShowDeployment(Model):
    application_id: UUID
    deployment_id: UUID


class ShownStep(Model):
    step: str
    started_at: datetime
    finished_at: datetime | None
    attempts: int = 1
    error: str | None = None
    """Of its last attempt, if that failed."""


class ShownDeployment(Model):
    id: UUID
    application_id: UUID
    environment: EnvironmentName
    cause: str
    ref: str | None
    status: str
    summary: str
    """In one line: what came of it, and what serves now."""
    reason: str | None
    detail: str | None
    commit: str | None
    release: int | None
    previous_release: int | None
    """What served when it was requested."""
    rolled_back_to: int | None
    url: str | None
    requested_at: datetime
    finished_at: datetime | None
    steps: list[ShownStep]
    correlation_id: str


@query(http="GET /v1/apps/{application_id}/deployments/{deployment_id}", rejects=[ApplicationNotFound, DeploymentNotFound])
async def deployment(asked: ShowDeployment, applications: Applications, deployments: Deployments, caller: Caller) -> ShownDeployment:
    application = (await applications.get(asked.application_id)).owned_by(caller.user_id)
    shown = await deployments.get(asked.deployment_id)
    if shown.application_id != application.id:
        raise DeploymentNotFound

    return ShownDeployment(
        id=shown.id,
        application_id=shown.application_id,
        environment=shown.environment,
        ref=shown.ref,
        cause=shown.cause,
        status=shown.status,
        summary=summary(shown),
        reason=shown.reason,
        detail=shown.detail,
        commit=shown.commit,
        release=shown.release,
        previous_release=shown.previous_release,
        rolled_back_to=shown.rolled_back_to,
        url=shown.url,
        requested_at=shown.requested_at,
        finished_at=shown.finished_at,
        steps=[ShownStep.model_validate(each, from_attributes=True) for each in shown.steps],
        correlation_id=shown.correlation_id,
    )
