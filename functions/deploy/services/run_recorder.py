"""Record the outcome of a one-off command when its Job changes."""

from functions.deploy.domain.names import application_of
from functions.deploy.domain.run import JOB_PREFIX
from functions.deploy.ports import Cluster, Runs
from functions.kernel import Clock, Work


class RunRecorder:
    def __init__(self, runs: Runs, cluster: Cluster, clock: Clock) -> None:
        self._runs = runs
        self._cluster = cluster
        self._clock = clock

    async def record(self, kind: str, namespace: str, name: str, work: Work) -> bool:
        """Return whether the object is the Job of a one-off command."""
        application = application_of(namespace)
        if kind != "Job" or not name.startswith(JOB_PREFIX) or application is None:
            return False
        async with work.reading():
            run = await self._runs.find_active(application, name)
        if run is None or (outcome := await self._cluster.observe_run(namespace, name)) is None:
            return True
        async with work.recording():
            run = await self._runs.lock(run.application_id, run.id)
            run.finish(outcome, self._clock.now())
            await self._runs.save(run)
        return True
