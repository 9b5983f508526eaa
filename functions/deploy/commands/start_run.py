"""Run a one-off command in an environment.

A shell runs it in the image, configuration and size of the release that serves. Returns 202: read its log by its id, and
its exit code from the run. With `streams` other than `logged` it waits for a client that attaches, and nothing is logged.
"""

from datetime import datetime
from uuid import UUID

from events.workloads import RunRequested
from functions.deploy.domain.attach_ticket import TerminalAddress
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.processes import DEFAULT_STOP_SECONDS
from functions.deploy.domain.rejections import (
    ApplicationNotFound,
    EnvironmentNotFound,
    InvalidCommand,
    NothingReleased,
    OverQuota,
    SubscriptionSuspended,
    TerminalsUnavailable,
    TooManyRuns,
    UsageExhausted,
)
from functions.deploy.domain.run import MAX_ACTIVE_RUNS, MAX_ATTACHABLE_RUNS, TIMEOUT, Run, RunStatus, RunStreams
from functions.deploy.ports import Applications, Deployments, Environments, Quotas, Releases, Runs
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.work_admission import admit_work
from functions.kernel import Clock, Done, Int32, Model, Permission, Permit, Text, command


class StartRun(Model):
    application_id: UUID
    environment: EnvironmentName
    command: Text
    """A shell command line."""
    streams: RunStreams = RunStreams.LOGGED
    """`logged`, `pipes` or `terminal`."""
    stop_seconds: Int32 = DEFAULT_STOP_SECONDS
    """Between SIGTERM and SIGKILL, when it is cancelled or its time is over."""


class RunAccepted(Model):
    id: UUID
    operation_id: UUID
    """The id of the command."""
    environment: EnvironmentName
    release: int
    status: RunStatus
    requested_at: datetime


@command(
    http="POST /v1/apps/{application_id}/environments/{environment}/runs",
    permission=Permission.APP_RUN,
    status=202,
    rejects=[
        *(ApplicationNotFound, EnvironmentNotFound, NothingReleased, InvalidCommand, TooManyRuns),
        *(OverQuota, SubscriptionSuspended, UsageExhausted, TerminalsUnavailable),
    ],
    emits=[RunRequested],
)
async def start_run(
    request: StartRun,
    applications: Applications,
    environments: Environments,
    deployments: Deployments,
    releases: Releases,
    runs: Runs,
    quotas: Quotas,
    terminal_address: TerminalAddress,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[RunAccepted]:
    application = await applications.lock(await control.to_environment(permit, request.application_id, request.environment))
    environment = await environments.get(application, request.environment)
    await admit_work(quotas, application.user_id)
    serving = await deployments.find_serving(environment)
    if serving is None or serving.release_id is None:
        raise NothingReleased.of(application.name, environment.name)

    now = clock.now()
    if await runs.count_active(application.id, since=now - TIMEOUT) >= MAX_ACTIVE_RUNS:
        raise TooManyRuns.of(application.name, MAX_ACTIVE_RUNS)
    if request.streams is not RunStreams.LOGGED:
        if not terminal_address.url:
            raise TerminalsUnavailable
        if await runs.count_attachable(application.user_id, since=now - TIMEOUT) >= MAX_ATTACHABLE_RUNS:
            raise TooManyRuns.of_account(MAX_ATTACHABLE_RUNS)
    release = await releases.get(serving.release_id)
    run, events = Run.request(application, environment, release, request.command, now, request.streams, request.stop_seconds)
    await runs.add(run)
    accepted = RunAccepted(id=run.id, operation_id=run.id, environment=run.environment, release=release.number, status=run.status, requested_at=now)

    return Done(accepted, *events)
