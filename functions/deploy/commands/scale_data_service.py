"""Change the plan of a data service.

Returns 202. A database keeps its URL and credentials. Between the shared server and a dedicated one it is copied, and cannot be
reached meanwhile; between dedicated plans its server restarts. A Redis gets its other limits by a restart. On a cluster,
data services keep their plan.
"""

from uuid import UUID

from events.data_services import DataServiceScalingRequested
from functions.deploy.domain.data_service_rejections import (
    DataServiceNotFound,
    DataServiceNotReady,
    DataServicePlanIsFixed,
    DataServicesUnavailable,
    InvalidDataService,
    TooManyDataServices,
)
from functions.deploy.domain.data_service_views import bindings_of
from functions.deploy.domain.operation import Operation, OperationKind
from functions.deploy.domain.rejections import ApplicationNotFound, OverQuota, SubscriptionSuspended, UsageExhausted
from functions.deploy.domain.service_plans import ServerPlace, ServiceAddresses
from functions.deploy.domain.storage_amounts import StorageAmounts, service_mib
from functions.deploy.domain.storage_rejections import DataServiceQuotaExceeded
from functions.deploy.ports import Applications, Configurations, DataServices, Operations, ServiceBackups
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.data_service_limits import require_shared_room
from functions.deploy.services.service_restores import require_no_restore
from functions.deploy.services.storage_admission import StorageAdmission
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, Text, command


class ScaleDataService(Model):
    application_id: UUID
    service_id: UUID
    plan: Text


class ScalingAccepted(Model):
    id: UUID
    operation_id: UUID
    name: str
    plan: str
    """The plan that it will have."""
    former_plan: str


@command(
    http="POST /v1/apps/{application_id}/services/{service_id}/scale",
    permission=Permission.APP_CONFIGURE,
    status=202,
    rejects=[
        *(ApplicationNotFound, DataServiceNotFound, DataServiceNotReady, DataServicesUnavailable, InvalidDataService, TooManyDataServices),
        *(DataServicePlanIsFixed, DataServiceQuotaExceeded, OverQuota, SubscriptionSuspended, UsageExhausted),
    ],
    emits=[DataServiceScalingRequested],
)
async def scale_data_service(
    request: ScaleDataService,
    applications: Applications,
    services: DataServices,
    configurations: Configurations,
    backups: ServiceBackups,
    admission: StorageAdmission,
    operations: Operations,
    addresses: ServiceAddresses,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[ScalingAccepted]:
    access = await control.to_application(permit, request.application_id)
    application = await applications.lock(access)
    service = await services.lock(application.id, request.service_id)
    for each in bindings_of(service, await configurations.at(application.id, application.config_version)):
        access.require_in(each.scope)  # what is bound is interrupted

    now = clock.now()
    await require_no_restore(backups, service)
    events = service.request_scaling(request.plan, application.user_id, now)
    addresses.require(service.kind, request.plan)
    if ServerPlace.CLUSTER in (addresses.place_of(service.kind, each) for each in (service.limits, service.scaling_limits)):
        raise DataServicePlanIsFixed.of(service.name, service.kind, request.plan)
    more_mib = service_mib(service.kind, request.plan) - service.limits.storage_mib
    await admission.admit(application.user_id, StorageAmounts(data_services_mib=max(more_mib, 0)), is_growth=more_mib > 0)
    await require_shared_room(services, application, service.kind, request.plan)
    await services.save(service)
    operation = Operation.start(OperationKind.SERVICE_SCALE, application, None, now)
    await operations.add(operation)

    accepted = ScalingAccepted(id=service.id, operation_id=operation.id, name=service.name, plan=request.plan, former_plan=service.plan)
    return Done(accepted, *events, change=Change(before={"plan": service.plan}, after={"service": service.name, "plan": request.plan}))
