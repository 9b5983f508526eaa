"""A release is built: its Service is applied. The revision before it serves until the new one is ready."""

from events.deploy import BuildSucceeded, DeploymentFailed
from functions.deploy.domain.deployment import CLUSTER_REFUSED, Status, service_manifest
from functions.deploy.ports import Cluster, ClusterRefused, Deployments, Releases
from functions.kernel import Clock, Work, effect


@effect(emits=[DeploymentFailed])
async def on_build_succeeded(built: BuildSucceeded, deployments: Deployments, releases: Releases, cluster: Cluster, clock: Clock, work: Work) -> None:
    async with work.reading():
        deployment = await deployments.get(built.deployment_id)
        release = await releases.get(built.release_id)
    if deployment.status is not Status.RELEASING:
        return

    try:
        await cluster.apply(service_manifest(deployment, release))
    except ClusterRefused as refused:
        async with work.recording() as record:
            deployment = await deployments.locked(deployment.id)
            progress = deployment.fail(CLUSTER_REFUSED, str(refused), clock.now())
            await deployments.save(deployment)
            record.emit(*progress.events)
