"""Transitions that several event handlers apply to a deployment."""

from collections.abc import Awaitable
from datetime import datetime
from uuid import UUID

from events.deployments import (
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
from functions.deploy.domain.deployment import Deployment, DeploymentTimedOut, WatchedObject
from functions.deploy.domain.observation import BuildJobFailed, BuildJobSucceeded, Observation
from functions.deploy.ports import Applications, ClusterRefused, Deployments, Quotas, Releases, RepositoryAccesses
from functions.deploy.services.work_admission import find_restriction
from functions.kernel import Clock, Event, Events, Work

OBSERVATION_EVENTS: tuple[type[Event], ...] = (
    *(BuildSucceeded, BuildFailed, DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentSucceeded, DeploymentFailed),
    *(DeploymentRequested, DeploymentRollbackStarted, DeploymentRolledBack, DeploymentTimedOut),
)
"""What `apply_observation` may publish."""


async def apply_observation(
    deployment: Deployment, watched: WatchedObject, observation: Observation, releases: Releases, quotas: Quotas, at: datetime
) -> Events:
    """Move a locked deployment on, and store the release of a successful build. Returns the events to publish.

    A build that was accepted before its account was restricted does not release: the deployment fails with the restriction.

    `watched`: what was observed, before the lock. If another handler has moved the deployment on since then, the observation
    says nothing about its present step.
    """
    if watched != deployment.watched_object:
        return ()
    if release := deployment.release_from(observation, at):
        if restricted := await find_restriction(quotas, deployment.user_id):
            return deployment.fail(*restricted, at)
        return deployment.attach_release(await releases.add(release), at)
    return deployment.observe(observation, at)


async def learn_host_keys(observation: Observation, application_id: UUID, applications: Applications, accesses: RepositoryAccesses) -> None:
    """Store the keys of ssh servers that a clone has met for the first time. Locks the application."""
    learned = observation.host_keys if isinstance(observation, BuildJobSucceeded | BuildJobFailed) else ()
    if learned:
        await applications.lock_any(application_id)
        access = await accesses.get(application_id)
        if access.learn_host_keys(learned):
            await accesses.save(access)


async def fail_if_refused(call: Awaitable[None], deployment_id: UUID, deployments: Deployments, clock: Clock, work: Work) -> None:
    """Await a call to the cluster. If the cluster refuses it, fail the deployment and publish DeploymentFailed."""
    try:
        await call
    except ClusterRefused as refused:
        async with work.recording() as record:
            deployment = await deployments.lock(deployment_id)
            events = deployment.refuse(str(refused), clock.now())
            await deployments.save(deployment)
            record.emit(*events)
