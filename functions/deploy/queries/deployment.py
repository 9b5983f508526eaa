"""Show a deployment with its steps and outcome."""

from datetime import datetime
from uuid import UUID

from functions.deploy.domain.deployment.summary import summarize
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound, DeploymentNotFound
from functions.deploy.ports import Applications, Deployments
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Permission, Permit, query


class ShowDeployment(Model):
    application_id: UUID
    deployment_id: UUID


class DeploymentStepView(Model):
    step: str
    started_at: datetime
    finished_at: datetime | None
    attempts: int = 1
    error: str | None = None
    """Of the last attempt, if it failed."""


class DeploymentView(Model):
    id: UUID
    application_id: UUID
    environment: EnvironmentName
    cause: str
    ref: str | None
    status: str
    summary: str
    """One line: the outcome, and what serves now."""
    reason: str | None
    detail: str | None
    commit: str | None
    release: int | None
    previous_release: int | None
    """The release that served when the deployment was requested."""
    rolled_back_to: int | None
    url: str | None
    observation_seconds: int
    """How long the release is observed once it serves."""
    requested_at: datetime
    started_by: UUID | None
    """The user or service account that asked for it. Null: Capsule itself, or unknown."""
    finished_at: datetime | None
    steps: list[DeploymentStepView]
    correlation_id: str


@query(
    http="GET /v1/apps/{application_id}/deployments/{deployment_id}",
    permission=Permission.APP_READ,
    rejects=[ApplicationNotFound, DeploymentNotFound],
)
async def deployment(
    request: ShowDeployment, applications: Applications, deployments: Deployments, control: AccessControl, permit: Permit
) -> DeploymentView:
    application = await applications.get(await control.to_application(permit, request.application_id))
    deployment = await deployments.get(request.deployment_id)
    if deployment.application_id != application.id:
        raise DeploymentNotFound.of(request.deployment_id)

    return DeploymentView(
        id=deployment.id,
        application_id=deployment.application_id,
        environment=deployment.environment,
        ref=deployment.ref,
        cause=deployment.cause,
        status=deployment.status,
        summary=summarize(deployment),
        reason=deployment.reason,
        detail=deployment.detail,
        commit=deployment.commit,
        release=deployment.release,
        previous_release=deployment.previous_release,
        rolled_back_to=deployment.rolled_back_to,
        url=deployment.url,
        observation_seconds=deployment.terms.observation_seconds,
        requested_at=deployment.requested_at,
        started_by=deployment.started_by,
        finished_at=deployment.finished_at,
        steps=[DeploymentStepView.model_validate(each, from_attributes=True) for each in deployment.steps],
        correlation_id=deployment.correlation_id,
    )
