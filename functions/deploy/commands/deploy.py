"""A user deploys an application: what becomes of it is told by the deployment's row."""

from datetime import datetime
from uuid import UUID

from events.deploy import DeploymentRequested
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.names import Environment, Ref
from functions.deploy.domain.rejections import ApplicationNotFound, DeploymentInProgress, InvalidRef
from functions.deploy.domain.timeouts import LOOK, DeploymentTimedOut
from functions.deploy.ports import Applications, Deployments
from functions.kernel import Caller, Clock, Done, Model, Origin, after, command


class Deploy(Model):
    application_id: UUID
    environment: Environment
    ref: str | None = None
    """A branch, a tag or a commit; without it, the repository's default branch."""


class RequestedDeployment(Model):
    id: UUID
    application_id: UUID
    environment: Environment
    ref: str | None
    status: str
    requested_at: datetime
    correlation_id: str


@command(
    http="POST /v1/apps/{application_id}/deployments",
    answers=202,
    rejects=[ApplicationNotFound, InvalidRef, DeploymentInProgress],
    emits=[DeploymentRequested, DeploymentTimedOut],
)
async def deploy(
    asked: Deploy, applications: Applications, deployments: Deployments, caller: Caller, origin: Origin, clock: Clock
) -> Done[RequestedDeployment]:
    ref = Ref(asked.ref) if asked.ref is not None else None
    application = (await applications.locked(asked.application_id)).owned_by(caller.user_id)

    deployment = Deployment.request(application, asked.environment, ref, correlation_id=origin.correlation_id, at=clock.now())
    await deployments.add(deployment)

    answer = RequestedDeployment(
        id=deployment.id,
        application_id=application.id,
        environment=deployment.environment,
        ref=deployment.ref,
        status=deployment.status,
        requested_at=deployment.requested_at,
        correlation_id=deployment.correlation_id,
    )
    return Done(answer, deployment.requested(), after(LOOK, deployment.reminder()))
