"""Roll back an environment to an earlier release.

The rollback is not observed: what it replaces is worse.
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
    NoEarlierRelease,
    NothingReleased,
    ReleaseNotFound,
)
from functions.deploy.ports import Applications, Deployments, Environments, Releases
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.deployment_starter import REJECTIONS, DeploymentStarter
from functions.kernel import Done, Int32, Model, Origin, Permission, Permit, command


class RollBack(Model):
    application_id: UUID
    environment: EnvironmentName
    release: Int32 | None = None
    """Default: the release that served here before the current one."""


@command(
    http="POST /v1/apps/{application_id}/environments/{environment}/rollbacks",
    permission=Permission.APP_DEPLOY,
    status=202,
    rejects=[
        *(ApplicationNotFound, EnvironmentIsStopped, EnvironmentNotFound, HostNameReserved, ReleaseNotFound),
        *(NothingReleased, NoEarlierRelease),
        *REJECTIONS,
    ],
    emits=[DeploymentRequested, DeploymentReleaseStarted, DeploymentTimedOut],
)
async def roll_back(
    request: RollBack,
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
    if serving is None or serving.release is None:
        raise NothingReleased.of(application.name, environment.name)
    number = request.release
    if number is None:
        earlier = await deployments.find_serving_before(environment, serving.release)
        if earlier is None or earlier.release is None:
            raise NoEarlierRelease.of(serving.release, environment.name)
        number = earlier.release
    release = await releases.get_by_number(application.id, number)

    deployment, events = await starter.deploy_release(application, environment, release, Cause.ROLLBACK, origin)

    return Done(DeploymentAccepted.of(deployment), *events)
