"""A release that has the traffic has failed: the revision before it, which is still there, has the traffic again at once, and the Service says once
more what its release said. When a revision of that is ready too, the deployment has been rolled back."""

from events.deploy import DeploymentFailed, DeploymentRollbackStarted
from functions.deploy.domain.observation import CLUSTER_REFUSED
from functions.deploy.domain.rendering import service_manifest
from functions.deploy.domain.status import Awaited, Status
from functions.deploy.ports import Cluster, ClusterRefused, Configurations, Deployments, Releases
from functions.kernel import Clock, Work, effect


@effect(emits=[DeploymentFailed])
async def on_deployment_rollback_started(
    failing: DeploymentRollbackStarted,
    deployments: Deployments,
    releases: Releases,
    configurations: Configurations,
    cluster: Cluster,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        deployment = await deployments.get(failing.deployment_id)
        if deployment.status is not Status.ROLLING_BACK or deployment.previous_id is None:
            return
        good = await deployments.get(deployment.previous_id)
        assert good.release_id is not None, "what served has a release"
        release = await releases.get(good.release_id)
        entries = await configurations.at(good.application_id, release.config_version)

    try:
        bad = Awaited("Service", deployment.namespace, deployment.service, deployment.id)
        await cluster.replace_service(bad, service_manifest(good, release, entries), pinned=good.revision)
    except ClusterRefused as refused:
        async with work.recording() as record:
            deployment = await deployments.locked(deployment.id)
            progress = deployment.fail(CLUSTER_REFUSED, f"{deployment.detail} The cluster refused to go back: {refused}", clock.now())
            await deployments.save(deployment)
            record.emit(*progress.events)
