"""Change a schedule, pause or resume it.

Omitted fields keep their value. A run that is under way goes on. A paused schedule starts nothing until it is resumed, and its
missed runs are not made up for.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from events.workloads import WorkloadRefreshRequested
from functions.deploy.domain.operation import Operation, OperationKind
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.schedule import Overlap
from functions.deploy.domain.schedule_views import ScheduleAccepted, ScheduleView
from functions.deploy.domain.workload_rejections import InvalidSchedule, ScheduleNotFound
from functions.deploy.ports import Applications, Environments, Operations, Runs, Schedules
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Clock, Done, Int32, Model, Permission, Permit, Text, command


class ChangeSchedule(Model):
    application_id: UUID
    schedule_id: UUID
    cron: Annotated[Text, Field(max_length=200)] | None = None
    command: Text | None = None
    time_zone: Annotated[Text, Field(max_length=100)] | None = None
    overlap: Overlap | None = None
    timeout_seconds: Int32 | None = None
    stop_seconds: Int32 | None = None
    is_paused: bool | None = None


@command(
    http="PATCH /v1/apps/{application_id}/schedules/{schedule_id}",
    permission=Permission.APP_RUN,
    status=202,
    rejects=[ApplicationNotFound, ScheduleNotFound, InvalidSchedule],
    emits=[WorkloadRefreshRequested],
)
async def change_schedule(
    request: ChangeSchedule,
    applications: Applications,
    environments: Environments,
    schedules: Schedules,
    runs: Runs,
    operations: Operations,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[ScheduleAccepted]:
    checked = await control.to_some_environment(permit, request.application_id)
    application = await applications.lock(checked)
    found = await schedules.get(application.id, request.schedule_id)
    checked.require_in(found.environment)
    environment = await environments.get(application, found.environment)
    now = clock.now()
    settings = request.model_dump(exclude={"application_id", "schedule_id"}, exclude_none=True)
    schedule = found.change(now, **settings)
    await schedules.save(schedule)
    operation = Operation.start(OperationKind.SCHEDULE, application, environment.name, now)
    await operations.add(operation)
    last = next(iter(await runs.page_of_schedule(schedule.id, before=None, limit=1)), None)
    accepted = ScheduleAccepted(**dict(ScheduleView.of(schedule, last, now)), operation_id=operation.id)
    return Done(accepted, environment.refresh_event(application, now, OperationKind.SCHEDULE))
