"""Start a stopped environment.

A deployment of the release that served when it was stopped, with the newest configuration and size.
"""

from uuid import UUID

from events.deployments import DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentRequested
from functions.deploy.domain.configuration import merge
from functions.deploy.domain.deployment import Cause, DeploymentTimedOut
from functions.deploy.domain.deployment.views import DeploymentAccepted
from functions.deploy.domain.names import EnvironmentName, check_host_name
from functions.deploy.domain.rejections import (
    ApplicationNotFound,
    EnvironmentNotFound,
    EnvironmentNotStopped,
    HostNameReserved,
    NothingReleased,
)
from functions.deploy.ports import Applications, Configurations, Deployments, Environments, Releases
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.deployment_starter import REJECTIONS, DeploymentStarter
from functions.kernel import Clock, Done, Model, Origin, Permission, Permit, command


class StartEnvironment(Model):
    application_id: UUID
    environment: EnvironmentName


@command(
    http="POST /v1/apps/{application_id}/environments/{environment}/start",
    permission=Permission.APP_DEPLOY,
    status=202,
    rejects=[
        *(ApplicationNotFound, EnvironmentNotFound, HostNameReserved, NothingReleased, EnvironmentNotStopped),
        *REJECTIONS,
    ],
    emits=[DeploymentRequested, DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentTimedOut],
)
async def start_environment(
    request: StartEnvironment,
    applications: Applications,
    environments: Environments,
    configurations: Configurations,
    deployments: Deployments,
    releases: Releases,
    starter: DeploymentStarter,
    control: AccessControl,
    permit: Permit,
    origin: Origin,
    clock: Clock,
) -> Done[DeploymentAccepted]:
    application = await applications.lock(await control.to_environment(permit, request.application_id, request.environment))
    environment = await environments.get(application, request.environment)
    check_host_name(application.name, environment.name)
    if not environment.is_stopped:
        raise EnvironmentNotStopped.of(application.name, environment.name)

    serving = await deployments.find_serving(environment)
    if serving is None or serving.release_id is None:
        raise NothingReleased.of(application.name, environment.name)
    release = await releases.get(serving.release_id)
    of_release, newest = [await configurations.at(application.id, each) for each in (release.config_version, application.config_version)]
    if merge(of_release, environment.name) != merge(newest, environment.name):
        release = await releases.add(release.with_configuration(application.config_version, clock.now()))

    environment.start()
    await environments.save(environment)
    deployment, events = await starter.deploy_release(application, environment, release, Cause.START, origin)

    return Done(DeploymentAccepted.of(deployment), *events)
