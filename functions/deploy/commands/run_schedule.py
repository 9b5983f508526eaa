"""Run the command of a schedule now.

Whatever its overlap policy says, and also while it is paused. Returns 202: follow the run, as one of a one-off command.
"""

from uuid import UUID

from events.workloads import RunRequested
from functions.deploy.domain.rejections import ApplicationNotFound, NothingReleased, OverQuota, SubscriptionSuspended, TooManyRuns, UsageExhausted
from functions.deploy.domain.run import MAX_ACTIVE_RUNS, TIMEOUT, Run
from functions.deploy.domain.run_views import RunView
from functions.deploy.domain.workload_rejections import ScheduleNotFound
from functions.deploy.ports import Applications, Deployments, Environments, Quotas, Releases, Runs, Schedules
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.work_admission import admit_work
from functions.kernel import Clock, Done, Model, Permission, Permit, command


class RunSchedule(Model):
    application_id: UUID
    schedule_id: UUID


class ScheduledRunAccepted(RunView):
    operation_id: UUID
    """The id of the run."""


@command(
    http="POST /v1/apps/{application_id}/schedules/{schedule_id}/runs",
    permission=Permission.APP_RUN,
    status=202,
    rejects=[ApplicationNotFound, ScheduleNotFound, NothingReleased, TooManyRuns, OverQuota, SubscriptionSuspended, UsageExhausted],
    emits=[RunRequested],
)
async def run_schedule(
    request: RunSchedule,
    applications: Applications,
    environments: Environments,
    deployments: Deployments,
    releases: Releases,
    schedules: Schedules,
    runs: Runs,
    quotas: Quotas,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[ScheduledRunAccepted]:
    checked = await control.to_some_environment(permit, request.application_id)
    application = await applications.lock(checked)
    schedule = await schedules.get(application.id, request.schedule_id)
    checked.require_in(schedule.environment)
    environment = await environments.get(application, schedule.environment)
    await admit_work(quotas, application.user_id)
    serving = await deployments.find_serving(environment)
    if serving is None or serving.release_id is None:
        raise NothingReleased.of(application.name, environment.name)

    now = clock.now()
    if await runs.count_active(application.id, since=now - TIMEOUT) >= MAX_ACTIVE_RUNS:
        raise TooManyRuns.of(application.name, MAX_ACTIVE_RUNS)
    run, events = Run.request(application, environment, await releases.get(serving.release_id), schedule.command, now)
    run.schedule_id, run.timeout_seconds, run.stop_seconds = schedule.id, schedule.timeout_seconds, schedule.stop_seconds
    await runs.add(run)
    return Done(ScheduledRunAccepted(**dict(RunView.of(run)), operation_id=run.id), *events)
