"""Show the pod in which a one-off command runs.

For the function that serves terminals.
"""

from uuid import UUID

from functions.deploy.domain.rejections import ApplicationNotFound, RunNotFound
from functions.deploy.ports import Applications, Cluster, Runs
from functions.kernel import ANYONE, Model, Work, query


class ShowRunPod(Model):
    application_id: UUID
    run_id: UUID


class RunPodView(Model):
    pod: str | None
    """Null until its container runs, and after its end."""
    has_ended: bool


@query(allow=ANYONE, rejects=[ApplicationNotFound, RunNotFound])
async def run_pod(request: ShowRunPod, applications: Applications, runs: Runs, cluster: Cluster, work: Work) -> RunPodView:
    async with work.reading():
        application = await applications.get_any(request.application_id)
        run = await runs.get(application.id, request.run_id)

    if run.finished_at is not None:
        return RunPodView(pod=None, has_ended=True)
    pod = await cluster.find_running_pod(application.namespace, run.job)
    has_ended = pod is None and await cluster.observe_run(application.namespace, run.job) is not None
    return RunPodView(pod=pod, has_ended=has_ended)
