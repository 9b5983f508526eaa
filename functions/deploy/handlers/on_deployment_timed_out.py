"""A running deployment looks for itself now and then, since an event may have been lost; when a stage's time is over, that ends the stage: an
observation well, everything else badly."""

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
from functions.deploy.domain.status import Progress
from functions.deploy.domain.timeouts import DeploymentTimedOut
from functions.deploy.ports import Cluster, Deployments, Releases
from functions.kernel import Clock, Work, effect


@effect(
    emits=[
        *(BuildSucceeded, BuildFailed, DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentSucceeded, DeploymentFailed),
        *(DeploymentRollbackStarted, DeploymentRolledBack, DeploymentTimedOut),
    ]
)
async def on_deployment_timed_out(
    timed_out: DeploymentTimedOut, deployments: Deployments, releases: Releases, cluster: Cluster, clock: Clock, work: Work
) -> None:
    async with work.reading():
        deployment = await deployments.get(timed_out.deployment_id)
    if not deployment.is_running or deployment.version != timed_out.deployment_version:
        return

    seen = await cluster.observe(deployment.awaits)

    async with work.recording() as record:
        deployment = await deployments.locked(deployment.id)
        now = clock.now()
        progress = deployment.observe(seen, now) if seen else Progress()
        if progress.release:
            progress = deployment.cut(await releases.add(progress.release), now)
        if not progress.events:
            progress = deployment.expire(now)
        await deployments.save(deployment)
        record.emit(*progress.events)
