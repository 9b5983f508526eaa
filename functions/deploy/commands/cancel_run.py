"""Cancel a one-off command.

Its processes get SIGTERM. Idempotent; changes nothing after its end.
"""

from uuid import UUID

from events.deploy import RunCancelled
from functions.deploy.domain.rejections import ApplicationNotFound, RunNotFound
from functions.deploy.domain.run import RunStatus
from functions.deploy.ports import Applications, Runs
from functions.kernel import Caller, Clock, Done, Model, command


class CancelRun(Model):
    application_id: UUID
    run_id: UUID


class RunCancellationAccepted(Model):
    id: UUID
    status: RunStatus


@command(
    http="POST /v1/apps/{application_id}/runs/{run_id}/cancellation", status=202, rejects=[ApplicationNotFound, RunNotFound], emits=[RunCancelled]
)
async def cancel_run(request: CancelRun, applications: Applications, runs: Runs, caller: Caller, clock: Clock) -> Done[RunCancellationAccepted]:
    application = await applications.get_owned(request.application_id, caller.user_id)
    run = await runs.lock(application.id, request.run_id)
    events = run.cancel(clock.now())
    await runs.save(run)

    return Done(RunCancellationAccepted(id=run.id, status=run.status), *events)
