"""A failed deployment leaves nothing behind that could wake again: a build that still runs is stopped, and the Service says once more what the
last good release said (or is no more, if there was none)."""

from events.deploy import DeploymentFailed
from functions.deploy.domain.deployment import Awaited, service_manifest
from functions.deploy.domain.observation import TIMED_OUT
from functions.deploy.ports import Cluster, Deployments, Releases
from functions.kernel import Work, effect


@effect()
async def on_deployment_failed(failed: DeploymentFailed, deployments: Deployments, releases: Releases, cluster: Cluster, work: Work) -> None:
    async with work.reading():
        deployment = await deployments.get(failed.deployment_id)
        good = await deployments.last_good(deployment.application_id, deployment.environment)
        release = await releases.get(good.release_id) if good and good.release_id else None

    if deployment.release_id is None:
        if deployment.reason == TIMED_OUT:
            await cluster.remove_job(deployment.namespace, deployment.job)
        return

    before = service_manifest(good, release) if good and release else None
    await cluster.replace_service(Awaited("Service", deployment.namespace, deployment.service, deployment.id), before)
    async with work.recording():
        pass  # nothing to tell: the message is settled
