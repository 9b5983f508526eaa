"""Rotate the credentials of a data service.

Returns 202. When the new ones exist, the environments that are bound are restarted with them. The former ones stay valid until
these have been restarted, and an hour longer, so that no request fails.
"""

from uuid import UUID

from events.data_services import DataServiceRotationRequested
from functions.deploy.domain.data_service_rejections import DataServiceNotFound, DataServiceNotReady
from functions.deploy.domain.data_service_views import bindings_of
from functions.deploy.domain.operation import Operation, OperationKind
from functions.deploy.domain.rejections import ApplicationNotFound, SubscriptionSuspended
from functions.deploy.ports import Applications, Configurations, DataServices, Operations, Quotas, ServiceBackups, Vault
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.service_restores import require_no_restore
from functions.deploy.services.work_admission import admit_work
from functions.kernel import Clock, Done, Model, Permission, Permit, command


class RotateDataService(Model):
    application_id: UUID
    service_id: UUID


class RotationAccepted(Model):
    id: UUID
    operation_id: UUID
    name: str
    environments: list[str]
    """What is restarted."""


@command(
    http="POST /v1/apps/{application_id}/services/{service_id}/rotate",
    permission=Permission.APP_CONFIGURE,
    status=202,
    rejects=[ApplicationNotFound, DataServiceNotFound, DataServiceNotReady, SubscriptionSuspended],
    emits=[DataServiceRotationRequested],
)
async def rotate_data_service(
    request: RotateDataService,
    applications: Applications,
    services: DataServices,
    configurations: Configurations,
    backups: ServiceBackups,
    quotas: Quotas,
    operations: Operations,
    vault: Vault,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[RotationAccepted]:
    access = await control.to_application(permit, request.application_id)
    application = await applications.lock(access)
    service = await services.lock(application.id, request.service_id)
    bound = sorted({each.scope for each in bindings_of(service, await configurations.at(application.id, application.config_version))})
    for each in bound:
        access.require_in(each)
    await admit_work(quotas, application.user_id, is_growth=False)

    now = clock.now()
    await require_no_restore(backups, service)
    events = service.request_rotation(application.user_id, vault.seal, now)
    await services.save(service)
    operation = Operation.start(OperationKind.SERVICE_ROTATION, application, None, now)
    await operations.add(operation)

    return Done(RotationAccepted(id=service.id, operation_id=operation.id, name=service.name, environments=bound), *events)
