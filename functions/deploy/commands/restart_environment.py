"""Restart the instances of an environment.

A deployment of the release that serves: new instances take the traffic when they are ready, then the old ones end.
"""

from uuid import UUID

from events.deployments import DeploymentReleaseStarted, DeploymentRequested
from functions.deploy.domain.deployment import Cause, DeploymentTimedOut
from functions.deploy.domain.deployment.views import DeploymentAccepted
from functions.deploy.domain.names import EnvironmentName, check_host_name
from functions.deploy.domain.rejections import (
    ApplicationNotFound,
    EnvironmentIsStopped,
    EnvironmentNotFound,
    HostNameReserved,
    NothingReleased,
)
from functions.deploy.ports import Applications, Deployments, Environments, Releases
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.deployment_starter import REJECTIONS, DeploymentStarter
from functions.kernel import Done, Model, Origin, Permission, Permit, command


class RestartEnvironment(Model):
    application_id: UUID
    environment: EnvironmentName


@command(
    http="POST /v1/apps/{application_id}/environments/{environment}/restart",
    permission=Permission.APP_DEPLOY,
    status=202,
    rejects=[
        *(ApplicationNotFound, EnvironmentNotFound, HostNameReserved, NothingReleased, EnvironmentIsStopped),
        *REJECTIONS,
    ],
    emits=[DeploymentRequested, DeploymentReleaseStarted, DeploymentTimedOut],
)
async def restart_environment(
    request: RestartEnvironment,
    applications: Applications,
    environments: Environments,
    deployments: Deployments,
    releases: Releases,
    starter: DeploymentStarter,
    control: AccessControl,
    permit: Permit,
    origin: Origin,
) -> Done[DeploymentAccepted]:
    application = await applications.lock(await control.to_environment(permit, request.application_id, request.environment))
    environment = await environments.get(application, request.environment)
    check_host_name(application.name, environment.name)

    serving = await deployments.find_serving(environment)
    if serving is None or serving.release_id is None:
        raise NothingReleased.of(application.name, environment.name)
    release = await releases.get(serving.release_id)
    deployment, events = await starter.deploy_release(application, environment, release, Cause.RESTART, origin)

    return Done(DeploymentAccepted.of(deployment), *events)
