"""Unbind a data service from an environment.

Removes its URL from the environment's configuration, and redeploys what serves there unless `deploy` is false. The service and
its data stay. A rollback to a release from before binds it again.
"""

from uuid import UUID

from events.data_services import DataServiceUnbound
from events.deployments import DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentRequested
from functions.deploy.domain.configuration import Change
from functions.deploy.domain.configuration_views import ConfigurationAccepted
from functions.deploy.domain.data_service_rejections import DataServiceNotBound, DataServiceNotFound
from functions.deploy.domain.data_service_views import bindings_of
from functions.deploy.domain.deployment import DeploymentTimedOut
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound, HostNameReserved, InvalidConfiguration
from functions.deploy.ports import Applications, Configurations, DataServices, Environments
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.configuration_changer import ConfigurationChanger
from functions.deploy.services.deployment_starter import REJECTIONS
from functions.kernel import Change as AuditedChange
from functions.kernel import Clock, Done, Model, Origin, Permission, Permit, command


class UnbindDataService(Model):
    application_id: UUID
    service_id: UUID
    environment: EnvironmentName
    deploy: bool = True
    """Whether to redeploy what serves now. If false, the change takes effect at the next deployment."""


@command(
    http="DELETE /v1/apps/{application_id}/services/{service_id}/bindings/{environment}",
    permission=Permission.APP_CONFIGURE,
    status=202,
    rejects=[
        *(ApplicationNotFound, EnvironmentNotFound, DataServiceNotFound, DataServiceNotBound),
        *(InvalidConfiguration, HostNameReserved, *REJECTIONS),
    ],
    emits=[DataServiceUnbound, DeploymentRequested, DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentTimedOut],
)
async def unbind_data_service(
    request: UnbindDataService,
    applications: Applications,
    environments: Environments,
    services: DataServices,
    configurations: Configurations,
    changer: ConfigurationChanger,
    control: AccessControl,
    permit: Permit,
    origin: Origin,
    clock: Clock,
) -> Done[ConfigurationAccepted]:
    application = await applications.lock(await control.to_environment(permit, request.application_id, request.environment))
    environment = await environments.get(application, request.environment)
    service = await services.lock(application.id, request.service_id)
    entries = await configurations.at(application.id, application.config_version)
    names = [each.name for each in bindings_of(service, entries) if each.scope == environment.name]
    if not names:
        raise DataServiceNotBound.of(service.name, environment.name)

    await changer.store(application, environment.name, Change({}, {}, frozenset(names)))
    deployments, events = await changer.redeploy(application, [environment] if request.deploy else [], origin)

    unbound = [
        DataServiceUnbound(
            service_id=service.id,
            application_id=application.id,
            user_id=application.user_id,
            name=service.name,
            environment=environment.name,
            variable=name,
            at=clock.now(),
        )
        for name in names
    ]
    audited = AuditedChange(before={"service": service.name, "variables": names})
    return Done(ConfigurationAccepted.of(application, deployments), *unbound, *events, change=audited)
