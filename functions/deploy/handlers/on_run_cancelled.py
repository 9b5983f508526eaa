"""Delete the Job of a cancelled one-off command."""

from events.workloads import RunCancelled
from functions.deploy.ports import Applications, Cluster, Runs
from functions.kernel import Work, effect


@effect()
async def on_run_cancelled(event: RunCancelled, applications: Applications, runs: Runs, cluster: Cluster, work: Work) -> None:
    async with work.reading():
        application = await applications.get_any(event.application_id)
        run = await runs.get(event.application_id, event.run_id)

    await cluster.delete_job(application.namespace, run.job)
