"""Start maintenance: visitors get a page with status 503.

Programs get a problem document. While it is on, a repetition replaces the text of the page. The application needs no instances
for it; deployments, one-off commands and the platform's own health checks go on. It stays through releases until it is ended.
Idempotent.
"""

from datetime import datetime
from uuid import UUID

from events.deploy import MaintenanceStarted
from functions.deploy.domain.maintenance import DEFAULT_RETRY_AFTER_SECONDS
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.operation import Operation, OperationKind
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound, InvalidMaintenance
from functions.deploy.ports import Applications, Environments, Operations
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Clock, Done, Int32, Model, Permission, Permit, Text, command


class StartMaintenance(Model):
    application_id: UUID
    environment: EnvironmentName
    message: Text | None = None
    """What visitors read, in one line. Default: a general sentence."""
    retry_after_seconds: Int32 = DEFAULT_RETRY_AFTER_SECONDS
    """When programs should try again: the header Retry-After."""


class MaintenanceAccepted(Model):
    name: EnvironmentName
    started_at: datetime | None
    """Null: visitors reach the application."""
    operation_id: UUID | None
    """Of the last change; null if it has ended for more than 30 days."""


@command(
    http="PUT /v1/apps/{application_id}/environments/{environment}/maintenance",
    permission=Permission.APP_DEPLOY,
    status=202,
    rejects=[ApplicationNotFound, EnvironmentNotFound, InvalidMaintenance],
    emits=[MaintenanceStarted],
)
async def start_maintenance(
    request: StartMaintenance,
    applications: Applications,
    environments: Environments,
    operations: Operations,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[MaintenanceAccepted]:
    application = await applications.lock(await control.to_environment(permit, request.application_id, request.environment))
    environment = await environments.get(application, request.environment)

    now = clock.now()
    events = environment.start_maintenance(application, (request.message or "").strip() or None, request.retry_after_seconds, now)
    await environments.save(environment)
    if events:
        await operations.add(Operation.start(OperationKind.MAINTENANCE, application, environment.name, now))
    operation = await operations.find_last(OperationKind.MAINTENANCE, application.id, environment.name)

    started_at = environment.maintenance.started_at if environment.maintenance else None
    accepted = MaintenanceAccepted(name=environment.name, started_at=started_at, operation_id=operation.id if operation else None)
    return Done(accepted, *events)
