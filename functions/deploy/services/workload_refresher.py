"""Apply what an environment runs beside its Service: the process types of the release that serves, and its schedules."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from functions.deploy.domain.application import ACTIVE, Application
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.deployment.summary import find_serving
from functions.deploy.domain.environment import Environment
from functions.deploy.domain.manifests import Manifest
from functions.deploy.domain.process_readings import describe_crashes
from functions.deploy.domain.processes import ProcessSize
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound, MemoryQuotaExceeded
from functions.deploy.domain.release import Release
from functions.deploy.domain.workloads import Workloads
from functions.deploy.ports import Applications, Cluster, Deployments, Environments, Quotas, Releases, Schedules
from functions.deploy.services.renderings import Renderings
from functions.kernel import Clock, Events, Transient, Work

MAX_ROUNDS = 5
"""Of applying what was read and reading again. Each round sees a change that came in between."""


@dataclass(frozen=True, slots=True)
class WorkloadState:
    workloads: Workloads
    objects: tuple[Manifest, ...]


class WorkloadRefresher:
    def __init__(
        self,
        applications: Applications,
        environments: Environments,
        deployments: Deployments,
        releases: Releases,
        schedules: Schedules,
        quotas: Quotas,
        renderings: Renderings,
        cluster: Cluster,
        clock: Clock,
    ) -> None:
        self._applications = applications
        self._environments = environments
        self._deployments = deployments
        self._releases = releases
        self._schedules = schedules
        self._quotas = quotas
        self._renderings = renderings
        self._cluster = cluster
        self._clock = clock

    async def refresh(self, application_id: UUID, environment_name: str, work: Work) -> None:
        """Apply the state of now, whatever event led here.

        Idempotent, and safe beside another refresh: each reads again after it has applied, so the last to apply has applied what was stored last.
        """
        applied: WorkloadState | None = None
        for _ in range(MAX_ROUNDS):
            async with work.reading():
                state = await self._read(application_id, environment_name)
            if state is None or state == applied:
                return
            await self._cluster.replace_workloads(state.workloads, *state.objects)
            applied = state
        raise Transient(f"what runs in {environment_name} changed {MAX_ROUNDS} times while it was applied")

    async def introduce(self, application_id: UUID, environment_name: str, work: Work) -> None:
        """Give process types that the release is the first to name their default number of instances; none if the quota has no room for them."""
        async with work.reading():
            release = await self._find_release(application_id, environment_name)
            found = await self._find(application_id, environment_name)
        if release is None or found is None or not set(release.processes) - set(found[1].processes.by_name):
            return
        async with work.preparing():
            application = await self._applications.lock_any(application_id)
            environment = await self._environments.get(application, environment_name)
            before = environment.processes
            environment.processes = before.introduce(release.processes)
            default_quota = Quota.default(application.user_id, self._clock.now())
            try:
                await self._quotas.reserve_memory(application, environment.name, environment.max_memory_mib, default_quota)
            except MemoryQuotaExceeded:
                environment.processes = before.with_changes({name: ProcessSize() for name in release.processes if name not in before.by_name})
            await self._environments.save(environment)

    async def rollout_events(self, deployment: Deployment, had_traffic: bool, at: datetime) -> Events:
        """Ask for the rollout of the processes when a release has just taken the traffic, if there are any. Call it in the transaction that
        records it: `web` decides whether a release takes over, and the processes follow it."""
        if had_traffic or not deployment.has_taken_traffic or deployment.release_id is None:
            return ()
        found = await self._find(deployment.application_id, deployment.environment)
        if found is None:
            return ()
        application, environment = found
        release = await self._releases.get(deployment.release_id)
        has_workloads = release.processes or environment.processes.by_name or await self._schedules.list_all(application.id, environment.name)
        return (environment.refresh_event(application, at),) if has_workloads else ()

    async def find_crash(self, deployment: Deployment, release: Release) -> str | None:
        """Describe the process types of a release that crash; None if none does. Asks the cluster."""
        if not release.processes:
            return None
        instances = await self._cluster.list_processes(Workloads(deployment.namespace, deployment.application_id, deployment.environment))
        return describe_crashes([each for each in instances if each.release == release.tag])

    async def _read(self, application_id: UUID, environment_name: str) -> WorkloadState | None:
        """Call it in a transaction. None: the application or the environment is deleted."""
        found = await self._find(application_id, environment_name)
        if found is None:
            return None
        application, environment = found
        workloads = Workloads.of(application, environment.name)
        serving = await self._find_serving(application, environment)
        if serving is None:
            return WorkloadState(workloads, ())
        rendering = await self._renderings.read(serving)
        schedules = await self._schedules.list_all(application.id, environment.name)
        return WorkloadState(workloads, (*rendering.processes_of_release(), *rendering.cron_jobs(schedules)))

    async def _find(self, application_id: UUID, environment_name: str) -> tuple[Application, Environment] | None:
        try:
            application = await self._applications.get_any(application_id)
            environment = await self._environments.get(application, environment_name)
        except (ApplicationNotFound, EnvironmentNotFound):
            return None
        return (application, environment) if application.status == ACTIVE else None

    async def _find_release(self, application_id: UUID, environment_name: str) -> Release | None:
        found = await self._find(application_id, environment_name)
        serving = await self._find_serving(*found) if found else None
        return await self._releases.get(serving.release_id) if serving and serving.release_id else None

    async def _find_serving(self, application: Application, environment: Environment) -> Deployment | None:
        succeeded = await self._deployments.find_serving(environment)
        latest = [each for each in await self._deployments.list_latest(application.id) if each.environment == environment.name]
        if not latest or latest[0].requested_at < environment.created_at:
            return None
        found = find_serving(succeeded, latest[0])
        if found is None or found.deployment.release_id is None:
            return None
        return succeeded if succeeded is not None and succeeded.id == found.deployment.id else latest[0]
