"""Show the configuration that applies in an environment.

Secrets are shown without their values.
"""

from uuid import UUID

from functions.deploy.domain.configuration import merge
from functions.deploy.domain.configuration_views import ConfigurationView
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound
from functions.deploy.ports import Applications, Configurations, Environments
from functions.kernel import Caller, Model, query


class ShowEnvironmentConfiguration(Model):
    application_id: UUID
    environment: EnvironmentName


@query(http="GET /v1/apps/{application_id}/environments/{environment}/config", rejects=[ApplicationNotFound, EnvironmentNotFound])
async def environment_configuration(
    request: ShowEnvironmentConfiguration, applications: Applications, environments: Environments, configurations: Configurations, caller: Caller
) -> ConfigurationView:
    application = await applications.get_owned(request.application_id, caller.user_id)
    environment = await environments.get(application, request.environment)
    entries = await configurations.at(application.id, application.config_version)

    return ConfigurationView.of(application.config_version, merge(entries, environment.name).values())
