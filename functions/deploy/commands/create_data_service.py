"""Create a database or a Redis for an application.

Returns 202: follow the operation, then bind the service to an environment. A small PostgreSQL database is on a server that all
applications of the installation share. Larger ones and each Redis have a server for themselves, which on one machine runs while
somebody is connected.
"""

from datetime import datetime
from uuid import UUID

from events.data_services import DataServiceRequested
from functions.deploy.domain.data_service import DataService, ServiceState
from functions.deploy.domain.data_service_rejections import DataServiceNameTaken, DataServicesUnavailable, InvalidDataService, TooManyDataServices
from functions.deploy.domain.operation import Operation, OperationKind
from functions.deploy.domain.rejections import ApplicationNotFound, OverQuota, SubscriptionSuspended, UsageExhausted
from functions.deploy.domain.service_plans import SMALL, ServiceAddresses, ServiceKind
from functions.deploy.domain.storage_amounts import StorageAmounts
from functions.deploy.domain.storage_rejections import DataServiceQuotaExceeded
from functions.deploy.ports import Applications, DataServices, Operations, Vault
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.data_service_limits import require_room
from functions.deploy.services.storage_admission import StorageAdmission
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, Text, command


class CreateDataService(Model):
    application_id: UUID
    name: Text
    kind: ServiceKind = ServiceKind.POSTGRES
    plan: Text = SMALL.name


class DataServiceAccepted(Model):
    id: UUID
    operation_id: UUID
    name: str
    kind: ServiceKind
    plan: str
    state: ServiceState
    requested_at: datetime


@command(
    http="POST /v1/apps/{application_id}/services",
    permission=Permission.APP_CONFIGURE,
    status=202,
    rejects=[
        *(ApplicationNotFound, InvalidDataService, DataServiceNameTaken, TooManyDataServices, DataServicesUnavailable),
        DataServiceQuotaExceeded,
        *(OverQuota, SubscriptionSuspended, UsageExhausted),
    ],
    emits=[DataServiceRequested],
)
async def create_data_service(
    request: CreateDataService,
    applications: Applications,
    services: DataServices,
    admission: StorageAdmission,
    operations: Operations,
    addresses: ServiceAddresses,
    vault: Vault,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[DataServiceAccepted]:
    application = await applications.lock(await control.to_application(permit, request.application_id))

    now = clock.now()
    service, events = DataService.request(application, request.name, request.kind, request.plan, vault.seal, now)
    addresses.require(request.kind, request.plan)
    await admission.admit(application.user_id, StorageAmounts.of_service(service))
    await require_room(services, application, request.kind, request.plan)
    await services.add(service)
    operation = Operation.start(OperationKind.SERVICE_CREATION, application, None, now)
    await operations.add(operation)

    accepted = DataServiceAccepted(
        id=service.id,
        operation_id=operation.id,
        name=service.name,
        kind=service.kind,
        plan=service.plan,
        state=service.state,
        requested_at=now,
    )
    return Done(accepted, *events, change=Change(after={"service": service.name, "kind": str(service.kind), "plan": service.plan}))
