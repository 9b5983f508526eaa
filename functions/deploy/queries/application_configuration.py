"""Show the configuration that all environments share.

Secrets are shown without their values.
"""

from uuid import UUID

from functions.deploy.domain.configuration import ALL_ENVIRONMENTS
from functions.deploy.domain.configuration_views import ConfigurationView
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Configurations
from functions.kernel import Caller, Model, query


class ShowApplicationConfiguration(Model):
    application_id: UUID


@query(http="GET /v1/apps/{application_id}/config", rejects=[ApplicationNotFound])
async def application_configuration(
    request: ShowApplicationConfiguration, applications: Applications, configurations: Configurations, caller: Caller
) -> ConfigurationView:
    application = await applications.get_owned(request.application_id, caller.user_id)
    entries = await configurations.at(application.id, application.config_version)

    return ConfigurationView.of(application.config_version, (each for each in entries if each.scope == ALL_ENVIRONMENTS))
