"""Set variables and secrets for all environments.

An environment's own entries take precedence. The change redeploys every environment that serves a release, unless
`deploy` is false.
"""

from events.deployments import DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentRequested
from functions.deploy.domain.configuration import ALL_ENVIRONMENTS
from functions.deploy.domain.configuration_request import ConfigurationRequest
from functions.deploy.domain.configuration_views import ConfigurationAccepted
from functions.deploy.domain.deployment import DeploymentTimedOut
from functions.deploy.domain.rejections import (
    ApplicationNotFound,
    HostNameReserved,
    InvalidConfiguration,
)
from functions.deploy.ports import Applications, Environments
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.configuration_changer import ConfigurationChanger
from functions.deploy.services.deployment_starter import REJECTIONS
from functions.kernel import Done, Origin, Permission, Permit, command


class ConfigureApplication(ConfigurationRequest):
    pass


@command(
    http="PATCH /v1/apps/{application_id}/config",
    permission=Permission.APP_CONFIGURE,
    status=202,
    rejects=[ApplicationNotFound, InvalidConfiguration, HostNameReserved, *REJECTIONS],
    emits=[DeploymentRequested, DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentTimedOut],
)
async def configure_application(
    request: ConfigureApplication,
    applications: Applications,
    environments: Environments,
    changer: ConfigurationChanger,
    control: AccessControl,
    permit: Permit,
    origin: Origin,
) -> Done[ConfigurationAccepted]:
    change = request.change()
    application = await applications.lock(await control.to_all_environments(permit, request.application_id))
    if request.is_empty and request.deploy:
        deployments, events = await changer.release_saved(application, await environments.list_all(application), origin)
        return Done(ConfigurationAccepted.of(application, deployments), *events)
    if not await changer.store(application, ALL_ENVIRONMENTS, change):
        return Done(ConfigurationAccepted.of(application))

    targets = await environments.list_all(application) if request.deploy else ()
    deployments, events = await changer.redeploy(application, targets, origin)

    return Done(ConfigurationAccepted.of(application, deployments), *events, change=request.audited_change())
