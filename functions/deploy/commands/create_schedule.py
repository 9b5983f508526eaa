"""Run a command on a schedule.

A shell runs it at the times of the cron expression, in the image, configuration and size of the release that serves then.
"""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from pydantic import Field

from events.workloads import WorkloadRefreshRequested
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.operation import Operation, OperationKind
from functions.deploy.domain.processes import DEFAULT_STOP_SECONDS
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound, NothingReleased
from functions.deploy.domain.run import TIMEOUT
from functions.deploy.domain.schedule import MAX_SCHEDULES, Overlap, Schedule
from functions.deploy.domain.schedule_views import ScheduleAccepted, ScheduleView
from functions.deploy.domain.workload_rejections import InvalidSchedule, TooManySchedules
from functions.deploy.ports import Applications, Deployments, Environments, Operations, Schedules
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Clock, Done, Int32, Model, Permission, Permit, Text, command

DEFAULT_TIMEOUT_SECONDS = int(TIMEOUT / timedelta(seconds=1))


class CreateSchedule(Model):
    application_id: UUID
    environment: EnvironmentName
    cron: Annotated[Text, Field(max_length=200, examples=["0 3 * * *"])]
    """Five fields or a descriptor (`@daily`), as a Kubernetes CronJob reads them."""
    command: Text
    """A shell command line."""
    time_zone: Annotated[Text, Field(max_length=100, examples=["Europe/Berlin"])] = "UTC"
    """Of the IANA database."""
    overlap: Overlap = Overlap.FORBID
    """When the previous run has not ended: `allow`, `forbid` or `replace`."""
    timeout_seconds: Int32 = DEFAULT_TIMEOUT_SECONDS
    stop_seconds: Int32 = DEFAULT_STOP_SECONDS
    """Between SIGTERM and SIGKILL, when a run is ended."""


@command(
    http="POST /v1/apps/{application_id}/environments/{environment}/schedules",
    permission=Permission.APP_RUN,
    status=202,
    rejects=[ApplicationNotFound, EnvironmentNotFound, NothingReleased, InvalidSchedule, TooManySchedules],
    emits=[WorkloadRefreshRequested],
)
async def create_schedule(
    request: CreateSchedule,
    applications: Applications,
    environments: Environments,
    deployments: Deployments,
    schedules: Schedules,
    operations: Operations,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[ScheduleAccepted]:
    application = await applications.lock(await control.to_environment(permit, request.application_id, request.environment))
    environment = await environments.get(application, request.environment)
    if await deployments.find_serving(environment) is None:
        raise NothingReleased.of(application.name, environment.name)
    if len(await schedules.list_all(application.id, environment.name)) >= MAX_SCHEDULES:
        raise TooManySchedules.of(environment.name, MAX_SCHEDULES)

    now = clock.now()
    settings = (request.cron, request.time_zone, request.command, request.overlap, request.timeout_seconds)
    schedule = Schedule.create(application, environment, *settings, now, request.stop_seconds)
    await schedules.save(schedule)
    operation = Operation.start(OperationKind.SCHEDULE, application, environment.name, now)
    await operations.add(operation)
    accepted = ScheduleAccepted(**dict(ScheduleView.of(schedule, None, now)), operation_id=operation.id)
    return Done(accepted, environment.refresh_event(application, now, OperationKind.SCHEDULE))
