"""Set variables and secrets of one environment.

The change redeploys the release that serves there, unless `deploy` is false. Nothing is built.
"""

from events.deployments import DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentRequested
from functions.deploy.domain.configuration_request import ConfigurationRequest
from functions.deploy.domain.configuration_views import ConfigurationAccepted
from functions.deploy.domain.deployment import DeploymentTimedOut
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import (
    ApplicationNotFound,
    EnvironmentNotFound,
    HostNameReserved,
    InvalidConfiguration,
)
from functions.deploy.ports import Applications, Environments
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.configuration_changer import ConfigurationChanger
from functions.deploy.services.deployment_starter import REJECTIONS
from functions.kernel import Done, Origin, Permission, Permit, command


class ConfigureEnvironment(ConfigurationRequest):
    environment: EnvironmentName


@command(
    http="PATCH /v1/apps/{application_id}/environments/{environment}/config",
    permission=Permission.APP_CONFIGURE,
    status=202,
    rejects=[ApplicationNotFound, EnvironmentNotFound, InvalidConfiguration, HostNameReserved, *REJECTIONS],
    emits=[DeploymentRequested, DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentTimedOut],
)
async def configure_environment(
    request: ConfigureEnvironment,
    applications: Applications,
    environments: Environments,
    changer: ConfigurationChanger,
    control: AccessControl,
    permit: Permit,
    origin: Origin,
) -> Done[ConfigurationAccepted]:
    change = request.change()
    application = await applications.lock(await control.to_environment(permit, request.application_id, request.environment))
    environment = await environments.get(application, request.environment)
    if request.is_empty and request.deploy:
        deployments, events = await changer.release_saved(application, [environment], origin)
        return Done(ConfigurationAccepted.of(application, deployments), *events)
    if not await changer.store(application, environment.name, change):
        return Done(ConfigurationAccepted.of(application))

    deployments, events = await changer.redeploy(application, [environment] if request.deploy else [], origin)

    return Done(ConfigurationAccepted.of(application, deployments), *events, change=request.audited_change())
