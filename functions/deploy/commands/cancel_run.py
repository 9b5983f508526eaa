"""Cancel a one-off command.

Its processes get SIGTERM. Idempotent; changes nothing after its end.
"""

from uuid import UUID

from events.workloads import RunCancelled
from functions.deploy.domain.rejections import ApplicationNotFound, RunNotFound
from functions.deploy.domain.run import RunStatus
from functions.deploy.ports import Applications, Runs
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Clock, Done, Model, Permission, Permit, command


class CancelRun(Model):
    application_id: UUID
    run_id: UUID


class RunCancellationAccepted(Model):
    id: UUID
    operation_id: UUID
    """The id of the command."""
    status: RunStatus


@command(
    http="POST /v1/apps/{application_id}/runs/{run_id}/cancellation",
    permission=Permission.APP_RUN,
    status=202,
    rejects=[ApplicationNotFound, RunNotFound],
    emits=[RunCancelled],
)
async def cancel_run(
    request: CancelRun, applications: Applications, runs: Runs, control: AccessControl, permit: Permit, clock: Clock
) -> Done[RunCancellationAccepted]:
    checked = await control.to_some_environment(permit, request.application_id)
    application = await applications.get(checked)
    run = await runs.lock(application.id, request.run_id)
    checked.require_in(run.environment)
    events = run.cancel(clock.now())
    await runs.save(run)

    return Done(RunCancellationAccepted(id=run.id, operation_id=run.id, status=run.status), *events)
