"""Observe a deployment, and end a step whose time is over.

A deployment sends itself this reminder, because a cluster event can be lost. At its timeout an observation succeeds, if
the URL still answers, and every other step fails.
"""

from events.workloads import WorkloadRefreshRequested
from functions.deploy.domain.deployment import DeploymentTimedOut
from functions.deploy.domain.manifests import health_path_of
from functions.deploy.domain.observation import PROCESS_CRASHES, Observation, ServiceReady
from functions.deploy.ports import ApplicationRequests, Applications, Cluster, Deployments, Quotas, Releases, RepositoryAccesses
from functions.deploy.services.transitions import OBSERVATION_EVENTS, apply_observation, learn_host_keys
from functions.deploy.services.workload_refresher import WorkloadRefresher
from functions.kernel import Clock, Work, effect


@effect(
    emits=[
        *OBSERVATION_EVENTS,
        WorkloadRefreshRequested,
    ]
)
async def on_deployment_timed_out(
    event: DeploymentTimedOut,
    applications: Applications,
    deployments: Deployments,
    releases: Releases,
    quotas: Quotas,
    accesses: RepositoryAccesses,
    workloads: WorkloadRefresher,
    cluster: Cluster,
    requests: ApplicationRequests,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        deployment = await deployments.get(event.deployment_id)
        release = await releases.get(deployment.release_id) if deployment.release_id else None
    if not deployment.is_running or deployment.version != event.deployment_version:
        return

    watched, crash = deployment.watched_object, None
    observation: Observation | None = await cluster.observe(watched)
    if isinstance(observation, ServiceReady) and release is not None and deployment.is_at_end_of_observation(clock.now()):
        observation = await requests.find_failure(observation.url, health_path_of(release.manifest) or "/") or observation
        crash = await workloads.find_crash(deployment, release)

    async with work.recording() as record:
        deployment = await deployments.lock(deployment.id)
        if not deployment.is_running or deployment.version != event.deployment_version:
            return
        now, had_traffic = clock.now(), deployment.has_taken_traffic
        if observation:
            await learn_host_keys(observation, deployment.application_id, applications, accesses)
        events = await apply_observation(deployment, watched, observation, releases, quotas, now) if observation else ()
        if not events:
            deployment.warn(PROCESS_CRASHES, crash)
            events = deployment.expire(now)
        events += await workloads.rollout_events(deployment, had_traffic, now)
        await deployments.save(deployment)
        record.emit(*events)
