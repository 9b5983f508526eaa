"""Show the configuration that all environments share.

Secrets are shown without their values.
"""

from uuid import UUID

from functions.deploy.domain.configuration import ALL_ENVIRONMENTS
from functions.deploy.domain.configuration_views import ConfigurationView
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Configurations
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Permission, Permit, query


class ShowApplicationConfiguration(Model):
    application_id: UUID


@query(http="GET /v1/apps/{application_id}/config", permission=Permission.APP_READ, rejects=[ApplicationNotFound])
async def application_configuration(
    request: ShowApplicationConfiguration, applications: Applications, configurations: Configurations, control: AccessControl, permit: Permit
) -> ConfigurationView:
    application = await applications.get(await control.to_application(permit, request.application_id))
    entries = await configurations.at(application.id, application.config_version)

    return ConfigurationView.of(application.config_version, (each for each in entries if each.scope == ALL_ENVIRONMENTS))
