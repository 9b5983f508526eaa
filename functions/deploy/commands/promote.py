"""Deploy what one environment serves to another environment.

The image is the same, and nothing is built. If the target's configuration has changed since the release was created,
the promotion creates a new release of the same image.
"""

from uuid import UUID

from pydantic import Field

from events.deployments import DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentRequested
from functions.deploy.domain.configuration import merge
from functions.deploy.domain.deployment import Cause, DeploymentTimedOut
from functions.deploy.domain.deployment.views import DeploymentAccepted
from functions.deploy.domain.names import EnvironmentName, check_host_name
from functions.deploy.domain.rejections import (
    ApplicationNotFound,
    EnvironmentIsStopped,
    EnvironmentNotFound,
    HostNameReserved,
    NothingReleased,
    ReleaseNotFound,
    SameEnvironment,
)
from functions.deploy.ports import Applications, Configurations, Deployments, Environments, Releases
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.deployment_starter import REJECTIONS, DeploymentStarter
from functions.kernel import Clock, Done, Int32, Model, Origin, Permission, Permit, command


class Promote(Model):
    application_id: UUID
    from_: EnvironmentName = Field(alias="from")
    to: EnvironmentName
    release: Int32 | None = None
    """Default: the release that serves in `from`."""


@command(
    http="POST /v1/apps/{application_id}/promotions",
    permission=Permission.APP_DEPLOY,
    status=202,
    rejects=[
        *(ApplicationNotFound, EnvironmentNotFound, EnvironmentIsStopped, HostNameReserved, ReleaseNotFound),
        *(NothingReleased, SameEnvironment),
        *REJECTIONS,
    ],
    emits=[DeploymentRequested, DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentTimedOut],
)
async def promote(
    request: Promote,
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
    application = await applications.lock(await control.to_environment(permit, request.application_id, request.to))
    if request.from_ == request.to:
        raise SameEnvironment.of(request.to, "/to")
    source = await environments.get(application, request.from_)
    target = await environments.get(application, request.to)
    check_host_name(application.name, target.name, "/to")

    number = request.release
    if number is None:
        serving = await deployments.find_serving(source)
        if serving is None or serving.release is None:
            raise NothingReleased.of(application.name, source.name)
        number = serving.release
    release = await releases.get_by_number(application.id, number)

    of_release, newest = [await configurations.at(application.id, each) for each in (release.config_version, application.config_version)]
    if merge(of_release, target.name) != merge(newest, target.name):
        release = await releases.add(release.with_configuration(application.config_version, clock.now()))

    deployment, events = await starter.deploy_release(application, target, release, Cause.PROMOTION, origin)

    return Done(DeploymentAccepted.of(deployment), *events)
