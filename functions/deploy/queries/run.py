"""Show a one-off command with its status and exit code."""

from uuid import UUID

from functions.deploy.domain.rejections import ApplicationNotFound, RunNotFound
from functions.deploy.domain.run_views import RunView
from functions.deploy.ports import Applications, Cluster, Runs
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Clock, Model, Permission, Permit, Work, query


class ShowRun(Model):
    application_id: UUID
    run_id: UUID


@query(http="GET /v1/apps/{application_id}/runs/{run_id}", permission=Permission.APP_READ, rejects=[ApplicationNotFound, RunNotFound])
async def run(
    request: ShowRun, applications: Applications, runs: Runs, cluster: Cluster, control: AccessControl, permit: Permit, clock: Clock, work: Work
) -> RunView:
    async with work.reading():
        application = await applications.get(await control.to_application(permit, request.application_id))
        found = await runs.get(application.id, request.run_id)

    if found.finished_at is None and (outcome := await cluster.observe_run(application.namespace, found.job)):
        found.finish(outcome, clock.now())  # the event of the cluster may be late, and stores it
    return RunView.of(found)
