"""Stop an environment: it runs nothing until it is started.

Its instances end after the requests that they have, and visitors get 503. Its release, configuration and size stay.
Idempotent.
"""

from datetime import datetime
from uuid import UUID

from events.deploy import AccountReviewRequested, EnvironmentStopped
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.operation import Operation, OperationKind
from functions.deploy.domain.rejections import ApplicationNotFound, DeploymentInProgress, EnvironmentNotFound, NothingReleased
from functions.deploy.ports import Applications, Deployments, Environments, Operations, Quotas
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.work_admission import review_events
from functions.kernel import Clock, Done, Model, Permission, Permit, command


class StopEnvironment(Model):
    application_id: UUID
    environment: EnvironmentName


class EnvironmentStopAccepted(Model):
    name: EnvironmentName
    release: int | None
    """The release that `start` deploys again."""
    stopped_at: datetime | None
    operation_id: UUID | None
    """Null if it was stopped by a version without operations."""


@command(
    http="POST /v1/apps/{application_id}/environments/{environment}/stop",
    permission=Permission.APP_DEPLOY,
    status=202,
    rejects=[ApplicationNotFound, EnvironmentNotFound, NothingReleased, DeploymentInProgress],
    emits=[AccountReviewRequested, EnvironmentStopped],
)
async def stop_environment(
    request: StopEnvironment,
    applications: Applications,
    environments: Environments,
    deployments: Deployments,
    quotas: Quotas,
    operations: Operations,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[EnvironmentStopAccepted]:
    application = await applications.lock(await control.to_environment(permit, request.application_id, request.environment))
    environment = await environments.get(application, request.environment)

    serving = await deployments.find_serving(environment)
    if serving is None:
        raise NothingReleased.of(application.name, environment.name)
    if any(each.environment == environment.name for each in await deployments.lock_running(application.id)):
        raise DeploymentInProgress.of(application.name, environment.name)
    now = clock.now()
    events = environment.stop(application, now)
    await environments.save(environment)
    if events:
        await operations.add(Operation.start(OperationKind.STOP, application, environment.name, now))
    operation = await operations.find_last(OperationKind.STOP, application.id, environment.name)
    events += await review_events(quotas, application.user_id)

    accepted = EnvironmentStopAccepted(
        name=environment.name,
        release=serving.release,
        stopped_at=environment.stopped_at,
        operation_id=operation.id if operation else None,
    )
    return Done(accepted, *events)
