"""Show a one-off command with its status and exit code."""

from datetime import datetime
from uuid import UUID

from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound, RunNotFound
from functions.deploy.domain.run import RunStatus
from functions.deploy.ports import Applications, Cluster, Runs
from functions.kernel import Caller, Clock, Model, Work, query


class ShowRun(Model):
    application_id: UUID
    run_id: UUID


class RunView(Model):
    id: UUID
    environment: EnvironmentName
    command: str
    status: RunStatus
    exit_code: int | None
    """Null while it runs, and if it was stopped from outside."""
    detail: str | None
    """Why there is no exit code."""
    requested_at: datetime
    finished_at: datetime | None


@query(http="GET /v1/apps/{application_id}/runs/{run_id}", rejects=[ApplicationNotFound, RunNotFound])
async def run(request: ShowRun, applications: Applications, runs: Runs, cluster: Cluster, caller: Caller, clock: Clock, work: Work) -> RunView:
    async with work.reading():
        application = await applications.get_owned(request.application_id, caller.user_id)
        found = await runs.get(application.id, request.run_id)

    if found.finished_at is None and (outcome := await cluster.observe_run(application.namespace, found.job)):
        found.finish(outcome, clock.now())  # the event of the cluster may be late, and stores it
    return RunView(
        id=found.id,
        environment=found.environment,
        command=found.command,
        status=found.status,
        exit_code=found.exit_code,
        detail=found.detail,
        requested_at=found.requested_at,
        finished_at=found.finished_at,
    )
