"""End maintenance: visitors reach the application again.

Idempotent.
"""

from datetime import datetime
from uuid import UUID

from events.deploy import MaintenanceEnded
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.operation import Operation, OperationKind
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound
from functions.deploy.ports import Applications, Environments, Operations
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Clock, Done, Model, Permission, Permit, command


class EndMaintenance(Model):
    application_id: UUID
    environment: EnvironmentName


class MaintenanceEndAccepted(Model):
    name: EnvironmentName
    started_at: datetime | None
    """When the maintenance had started; null: there was none."""
    operation_id: UUID | None
    """Of the last change; null if there was none in the last 30 days."""


@command(
    http="DELETE /v1/apps/{application_id}/environments/{environment}/maintenance",
    permission=Permission.APP_DEPLOY,
    status=202,
    rejects=[ApplicationNotFound, EnvironmentNotFound],
    emits=[MaintenanceEnded],
)
async def end_maintenance(
    request: EndMaintenance,
    applications: Applications,
    environments: Environments,
    operations: Operations,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[MaintenanceEndAccepted]:
    application = await applications.lock(await control.to_environment(permit, request.application_id, request.environment))
    environment = await environments.get(application, request.environment)

    now = clock.now()
    started_at = environment.maintenance.started_at if environment.maintenance else None
    events = environment.end_maintenance(application, now)
    if events:
        await environments.save(environment)
        await operations.add(Operation.start(OperationKind.MAINTENANCE, application, environment.name, now))
    operation = await operations.find_last(OperationKind.MAINTENANCE, application.id, environment.name)

    accepted = MaintenanceEndAccepted(name=environment.name, started_at=started_at, operation_id=operation.id if operation else None)
    return Done(accepted, *events)
