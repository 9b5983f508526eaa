"""Observe a deployment, and end a step whose time is over.

A deployment sends itself this reminder, because a cluster event can be lost. At its timeout an observation succeeds and
every other step fails.
"""

from events.deploy import (
    BuildFailed,
    BuildSucceeded,
    DeploymentFailed,
    DeploymentPreparationStarted,
    DeploymentReleaseStarted,
    DeploymentRequested,
    DeploymentRollbackStarted,
    DeploymentRolledBack,
    DeploymentSucceeded,
)
from functions.deploy.domain.deployment import DeploymentTimedOut
from functions.deploy.ports import Applications, Cluster, Deployments, Releases, RepositoryAccesses
from functions.deploy.services.transitions import apply_observation, learn_host_keys
from functions.kernel import Clock, Work, effect


@effect(
    emits=[
        *(BuildSucceeded, BuildFailed, DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentSucceeded, DeploymentFailed),
        *(DeploymentRequested, DeploymentRollbackStarted, DeploymentRolledBack, DeploymentTimedOut),
    ]
)
async def on_deployment_timed_out(
    event: DeploymentTimedOut,
    applications: Applications,
    deployments: Deployments,
    releases: Releases,
    accesses: RepositoryAccesses,
    cluster: Cluster,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        deployment = await deployments.get(event.deployment_id)
    if not deployment.is_running or deployment.version != event.deployment_version:
        return

    observation = await cluster.observe(deployment.watched_object)

    async with work.recording() as record:
        deployment = await deployments.lock(deployment.id)
        now = clock.now()
        if observation:
            await learn_host_keys(observation, deployment.application_id, applications, accesses)
        events = await apply_observation(deployment, observation, releases, now) if observation else ()
        if not events:
            events = deployment.expire(now)
        await deployments.save(deployment)
        record.emit(*events)
