"""Run the release command of a deployment as a Job.

As a rule the command migrates the application's database, before the release takes traffic.
"""

from events.deployments import DeploymentFailed, DeploymentPreparationStarted
from functions.deploy.domain.deployment import Status
from functions.deploy.ports import Cluster, Deployments, Vault
from functions.deploy.services.renderings import Renderings
from functions.deploy.services.transitions import fail_if_refused
from functions.kernel import Clock, Work, effect


@effect(emits=[DeploymentFailed])
async def on_deployment_preparation_started(
    event: DeploymentPreparationStarted,
    deployments: Deployments,
    renderings: Renderings,
    vault: Vault,
    cluster: Cluster,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        deployment = await deployments.get(event.deployment_id)
        if deployment.status is not Status.PREPARING:
            return
        rendering = await renderings.read(deployment)

    call = cluster.apply(*rendering.secrets(vault.open), rendering.release_job())
    await fail_if_refused(call, deployment.id, deployments, clock, work)
