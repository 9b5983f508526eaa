"""A release's own command (a migration of its database, as a rule) runs before it takes traffic: a Job with its image and its configuration."""

from events.deploy import DeploymentFailed, DeploymentPreparationStarted
from functions.deploy.domain.observation import CLUSTER_REFUSED
from functions.deploy.domain.rendering import secret_manifests, task_manifest
from functions.deploy.domain.status import Status
from functions.deploy.ports import Cluster, ClusterRefused, Configurations, Deployments, Releases, Vault
from functions.kernel import Clock, Work, effect


@effect(emits=[DeploymentFailed])
async def on_deployment_preparation_started(
    preparing: DeploymentPreparationStarted,
    deployments: Deployments,
    releases: Releases,
    configurations: Configurations,
    vault: Vault,
    cluster: Cluster,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        deployment = await deployments.get(preparing.deployment_id)
        if deployment.status is not Status.PREPARING or deployment.release_id is None:
            return
        release = await releases.get(deployment.release_id)
        entries = await configurations.at(deployment.application_id, release.config_version)

    try:
        await cluster.apply(*secret_manifests(deployment, release, entries, vault.open), task_manifest(deployment, release, entries))
    except ClusterRefused as refused:
        async with work.recording() as record:
            deployment = await deployments.locked(deployment.id)
            progress = deployment.fail(CLUSTER_REFUSED, str(refused), clock.now())
            await deployments.save(deployment)
            record.emit(*progress.events)
