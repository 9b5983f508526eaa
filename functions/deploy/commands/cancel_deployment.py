"""A user gives a deployment up while it runs. What serves goes on serving; a release that has the traffic already is taken back."""

from uuid import UUID

from events.deploy import BuildFailed, DeploymentFailed, DeploymentRollbackStarted
from functions.deploy.domain.rejections import ApplicationNotFound, DeploymentEnded, DeploymentNotFound
from functions.deploy.domain.requested import RequestedDeployment
from functions.deploy.domain.timeouts import DeploymentTimedOut
from functions.deploy.ports import Applications, Deployments
from functions.kernel import Caller, Clock, Done, Model, command


class CancelDeployment(Model):
    application_id: UUID
    deployment_id: UUID


@command(
    http="POST /v1/apps/{application_id}/deployments/{deployment_id}/cancellation",
    status=202,
    rejects=[ApplicationNotFound, DeploymentNotFound, DeploymentEnded],
    emits=[BuildFailed, DeploymentFailed, DeploymentRollbackStarted, DeploymentTimedOut],
)
async def cancel_deployment(
    asked: CancelDeployment, applications: Applications, deployments: Deployments, caller: Caller, clock: Clock
) -> Done[RequestedDeployment]:
    application = (await applications.get(asked.application_id)).owned_by(caller.user_id)
    deployment = await deployments.locked(asked.deployment_id)
    if deployment.application_id != application.id:
        raise DeploymentNotFound

    progress = deployment.cancel(clock.now())
    await deployments.save(deployment)

    return Done(RequestedDeployment.of(deployment), *progress.events)
