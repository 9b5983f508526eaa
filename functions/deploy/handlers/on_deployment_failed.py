"""A failed deployment leaves nothing behind that could wake again: a Job that still runs is stopped, and the Service says once more what the
last good release said (or is no more, if there was none; then it takes no memory of the quota either)."""

from events.deploy import DeploymentFailed
from functions.deploy.domain.observation import APPLICATION_DESTROYED, CANCELLED, ENVIRONMENT_DESTROYED, TIMED_OUT
from functions.deploy.domain.rendering import service_manifest
from functions.deploy.domain.status import Awaited
from functions.deploy.ports import Cluster, Configurations, Deployments, Quotas, Releases
from functions.kernel import Work, effect

STOPPED = frozenset({TIMED_OUT, CANCELLED, ENVIRONMENT_DESTROYED})


@effect()
async def on_deployment_failed(
    failed: DeploymentFailed,
    deployments: Deployments,
    releases: Releases,
    configurations: Configurations,
    quotas: Quotas,
    cluster: Cluster,
    work: Work,
) -> None:
    async with work.reading():
        deployment = await deployments.get(failed.deployment_id)
        before = None
        if deployment.previous_id and deployment.reason not in (APPLICATION_DESTROYED, ENVIRONMENT_DESTROYED):
            good = await deployments.get(deployment.previous_id)
            assert good.release_id is not None, "what served has a release"
            release = await releases.get(good.release_id)
            before = service_manifest(good, release, await configurations.at(good.application_id, release.config_version))

    if deployment.reason in STOPPED:
        for job in (deployment.job, deployment.task):
            await cluster.remove_job(deployment.namespace, job)
    if deployment.release_id is not None:
        await cluster.replace_service(Awaited("Service", deployment.namespace, deployment.service, deployment.id), before)

    async with work.recording():
        newest = {each.environment: each.id for each in await deployments.latest(deployment.application_id)}
        if deployment.previous_id is None and newest[deployment.environment] == deployment.id:
            await quotas.give_memory_back(deployment.application_id, deployment.environment)
