"""Cancel a running deployment.

What serves keeps serving. A release that already has the traffic is rolled back.
"""

from uuid import UUID

from events.deployments import BuildFailed, DeploymentFailed, DeploymentRollbackStarted
from functions.deploy.domain.deployment import DeploymentTimedOut
from functions.deploy.domain.deployment.views import DeploymentAccepted
from functions.deploy.domain.rejections import ApplicationNotFound, DeploymentEnded, DeploymentNotFound
from functions.deploy.ports import Applications, Deployments
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Clock, Done, Model, Permission, Permit, command


class CancelDeployment(Model):
    application_id: UUID
    deployment_id: UUID


@command(
    http="POST /v1/apps/{application_id}/deployments/{deployment_id}/cancellation",
    permission=Permission.APP_DEPLOY,
    status=202,
    rejects=[ApplicationNotFound, DeploymentNotFound, DeploymentEnded],
    emits=[BuildFailed, DeploymentFailed, DeploymentRollbackStarted, DeploymentTimedOut],
)
async def cancel_deployment(
    request: CancelDeployment, applications: Applications, deployments: Deployments, control: AccessControl, permit: Permit, clock: Clock
) -> Done[DeploymentAccepted]:
    checked = await control.to_some_environment(permit, request.application_id)
    application = await applications.get(checked)
    deployment = await deployments.lock(request.deployment_id)
    if deployment.application_id != application.id:
        raise DeploymentNotFound.of(request.deployment_id)
    checked.require_in(deployment.environment)

    events = deployment.cancel(clock.now())
    await deployments.save(deployment)

    return Done(DeploymentAccepted.of(deployment), *events)
