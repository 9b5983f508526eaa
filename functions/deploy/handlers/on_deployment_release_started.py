"""Apply the Secret and the Service of a release.

The previous revision serves until the new one is ready.
"""

from events.deployments import DeploymentFailed, DeploymentReleaseStarted
from functions.deploy.domain.deployment import Status
from functions.deploy.domain.registry_access import registry_access
from functions.deploy.ports import Builds, Cluster, Deployments, Vault
from functions.deploy.services.renderings import Renderings
from functions.deploy.services.service_refresher import ServiceRefresher
from functions.deploy.services.transitions import fail_if_refused
from functions.kernel import Clock, Work, effect


@effect(emits=[DeploymentFailed])
async def on_deployment_release_started(
    event: DeploymentReleaseStarted,
    deployments: Deployments,
    renderings: Renderings,
    refresher: ServiceRefresher,
    builds: Builds,
    vault: Vault,
    cluster: Cluster,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        deployment = await deployments.get(event.deployment_id)
        if deployment.status is not Status.RELEASING:
            return
        rendering = await renderings.read(deployment)

    async def release() -> None:
        login = registry_access(deployment.application, builds.settings().registry)  # a promotion has no build that copied it
        await cluster.apply(*login, *rendering.secrets(vault.open), rendering.service())
        await refresher.follow(rendering, work)

    await fail_if_refused(release(), deployment.id, deployments, clock, work)
