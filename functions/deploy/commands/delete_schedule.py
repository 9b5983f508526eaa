"""Delete a schedule.

A run that is under way ends. The history of its runs stays for 30 days.
"""

from uuid import UUID

from events.workloads import ScheduleDeleted, WorkloadRefreshRequested
from functions.deploy.domain.operation import Operation, OperationKind
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.run import RunOutcome
from functions.deploy.domain.workload_rejections import ScheduleNotFound
from functions.deploy.ports import Applications, Environments, Operations, Runs, Schedules
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Clock, Done, Model, Permission, Permit, command


class DeleteSchedule(Model):
    application_id: UUID
    schedule_id: UUID


class ScheduleDeletionAccepted(Model):
    id: UUID
    operation_id: UUID


@command(
    http="DELETE /v1/apps/{application_id}/schedules/{schedule_id}",
    permission=Permission.APP_RUN,
    status=202,
    rejects=[ApplicationNotFound, ScheduleNotFound],
    emits=[ScheduleDeleted, WorkloadRefreshRequested],
)
async def delete_schedule(
    request: DeleteSchedule,
    applications: Applications,
    environments: Environments,
    schedules: Schedules,
    runs: Runs,
    operations: Operations,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[ScheduleDeletionAccepted]:
    checked = await control.to_some_environment(permit, request.application_id)
    application = await applications.lock(checked)
    found = await schedules.get(application.id, request.schedule_id)
    checked.require_in(found.environment)
    environment = await environments.get(application, found.environment)
    now = clock.now()
    await schedules.delete(found.id)
    for run in await runs.lock_unfinished(found.id):
        if run.scheduled_at is not None:
            run.finish(RunOutcome(None, "Its schedule was deleted."), now)
            await runs.save(run)
    operation = Operation.start(OperationKind.SCHEDULE, application, environment.name, now)
    await operations.add(operation)
    accepted = ScheduleDeletionAccepted(id=found.id, operation_id=operation.id)
    deleted = ScheduleDeleted(
        schedule_id=found.id,
        application_id=application.id,
        user_id=application.user_id,
        application=application.name,
        environment=environment.name,
        cron=found.cron,
        at=now,
    )
    return Done(accepted, deleted, environment.refresh_event(application, now, OperationKind.SCHEDULE))
