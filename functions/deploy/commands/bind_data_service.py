"""Bind a data service to an environment.

Its URL becomes a secret of the environment's configuration, and what serves there is redeployed unless `deploy` is false.
A service may be bound to several environments. Idempotent.
"""

from uuid import UUID

from events.data_services import DataServiceBound
from events.deployments import DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentRequested
from functions.deploy.domain.configuration import Change
from functions.deploy.domain.configuration_views import ConfigurationAccepted
from functions.deploy.domain.data_service_rejections import DataServiceNotFound, DataServiceNotReady, VariableInUse
from functions.deploy.domain.data_service_views import bindings_of
from functions.deploy.domain.deployment import DeploymentTimedOut
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound, HostNameReserved, InvalidConfiguration
from functions.deploy.domain.service_plans import DEFAULT_VARIABLES
from functions.deploy.ports import Applications, Configurations, DataServices, Environments
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.configuration_changer import ConfigurationChanger
from functions.deploy.services.deployment_starter import REJECTIONS
from functions.kernel import Change as AuditedChange
from functions.kernel import Clock, Done, Model, Origin, Permission, Permit, Text, command


class BindDataService(Model):
    application_id: UUID
    service_id: UUID
    environment: EnvironmentName
    variable: Text | None = None
    """The name of the secret. By default `DATABASE_URL`, and `REDIS_URL` for a Redis."""
    deploy: bool = True
    """Whether to redeploy what serves now. If false, the binding takes effect at the next deployment."""


@command(
    http="PUT /v1/apps/{application_id}/services/{service_id}/bindings/{environment}",
    permission=Permission.APP_CONFIGURE,
    status=202,
    rejects=[
        *(ApplicationNotFound, EnvironmentNotFound, DataServiceNotFound, DataServiceNotReady, VariableInUse),
        *(InvalidConfiguration, HostNameReserved, *REJECTIONS),
    ],
    emits=[DataServiceBound, DeploymentRequested, DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentTimedOut],
)
async def bind_data_service(
    request: BindDataService,
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
    checked = await control.to_some_environment(permit, request.application_id)
    application = await applications.lock(checked.require_in(request.environment))
    environment = await environments.get(application, request.environment)
    service = await services.lock(application.id, request.service_id)
    service.require_ready()
    variable = request.variable or DEFAULT_VARIABLES[service.kind]
    Change.parse({}, {variable: ""}, ())
    assert service.sealed_url is not None, "a service that is ready has a URL"
    entries = await configurations.at(application.id, application.config_version)
    for each in bindings_of(service, entries):
        checked.require_in(each.scope)  # what a protected environment stores is not read through another one
    present = next((each for each in entries if (each.scope, each.name) == (environment.name, variable)), None)
    if present is not None and present.service_id == service.id:
        return Done(ConfigurationAccepted.of(application))
    if present is not None:
        raise VariableInUse.of(variable, environment.name)

    change = Change({}, {variable: service.sealed_url}, frozenset(), service.id, service.kind)
    await changer.store(application, environment.name, change)
    deployments, events = await changer.redeploy(application, [environment] if request.deploy else [], origin)

    bound = DataServiceBound(
        service_id=service.id,
        application_id=application.id,
        user_id=application.user_id,
        name=service.name,
        environment=environment.name,
        variable=variable,
        at=clock.now(),
    )
    audited = AuditedChange(after={"service": service.name, "variable": variable})
    return Done(ConfigurationAccepted.of(application, deployments), bound, *events, change=audited)
