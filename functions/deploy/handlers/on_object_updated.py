"""The cluster says that an object of ours has changed: if a deployment waits for it, its state is read again and the deployment moves on."""

from events.cluster import ObjectUpdated
from events.deploy import (
    BuildFailed,
    BuildSucceeded,
    DeploymentFailed,
    DeploymentPreparationStarted,
    DeploymentReleaseStarted,
    DeploymentRollbackStarted,
    DeploymentRolledBack,
    DeploymentSucceeded,
)
from functions.deploy.domain.timeouts import DeploymentTimedOut
from functions.deploy.ports import Cluster, Deployments, Releases
from functions.kernel import Clock, Origin, Work, effect


@effect(
    emits=[
        *(BuildSucceeded, BuildFailed, DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentSucceeded, DeploymentFailed),
        *(DeploymentRollbackStarted, DeploymentRolledBack, DeploymentTimedOut),
    ]
)
async def on_object_updated(updated: ObjectUpdated, deployments: Deployments, releases: Releases, cluster: Cluster, clock: Clock, work: Work) -> None:
    async with work.reading():
        deployment = await deployments.awaiting(updated.kind, updated.namespace, updated.name)
    if deployment is None:
        return
    work.resumes(Origin(deployment.correlation_id, str(deployment.user_id)))

    seen = await cluster.observe(deployment.awaits)
    if seen is None:
        return

    async with work.recording() as record:
        deployment = await deployments.locked(deployment.id)
        progress = deployment.observe(seen, clock.now())
        if progress.release:
            progress = deployment.cut(await releases.add(progress.release), clock.now())
        await deployments.save(deployment)
        record.emit(*progress.events)
