"""Show the configuration that applies in an environment.

Secrets are shown without their values.
"""

from uuid import UUID

from functions.deploy.domain.configuration import merge
from functions.deploy.domain.configuration_views import ConfigurationView, ReleasedConfigurationView
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound
from functions.deploy.ports import Applications, Configurations, Deployments, Environments, Releases
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Permission, Permit, query


class ShowEnvironmentConfiguration(Model):
    application_id: UUID
    environment: EnvironmentName


@query(
    http="GET /v1/apps/{application_id}/environments/{environment}/config",
    permission=Permission.APP_READ,
    rejects=[ApplicationNotFound, EnvironmentNotFound],
)
async def environment_configuration(
    request: ShowEnvironmentConfiguration,
    applications: Applications,
    environments: Environments,
    configurations: Configurations,
    deployments: Deployments,
    releases: Releases,
    control: AccessControl,
    permit: Permit,
) -> ConfigurationView:
    application = await applications.get(await control.to_application(permit, request.application_id))
    environment = await environments.get(application, request.environment)
    newest = merge(await configurations.at(application.id, application.config_version), environment.name)

    released = None
    serving = await deployments.find_serving(environment)
    if serving is not None and serving.release_id is not None:
        release = await releases.get(serving.release_id)
        of_release = merge(await configurations.at(application.id, release.config_version), environment.name)
        released = ReleasedConfigurationView.of(release.number, release.config_version, of_release, newest)
    return ConfigurationView.of(application.config_version, newest.values(), released)
