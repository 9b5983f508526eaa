"""Route the traffic back to the previous revision.

The previous revision still exists and gets the traffic at once. The Service is replaced by the previous one. When the
revision that results is ready, the deployment has rolled back.
"""

from events.deployments import DeploymentFailed, DeploymentRollbackStarted
from functions.deploy.domain.deployment import Status
from functions.deploy.ports import Cluster, Deployments
from functions.deploy.services.renderings import Renderings
from functions.deploy.services.service_refresher import ServiceRefresher
from functions.deploy.services.transitions import fail_if_refused
from functions.deploy.services.workload_refresher import WorkloadRefresher
from functions.kernel import Clock, Work, effect


@effect(emits=[DeploymentFailed])
async def on_deployment_rollback_started(
    event: DeploymentRollbackStarted,
    deployments: Deployments,
    renderings: Renderings,
    refresher: ServiceRefresher,
    workloads: WorkloadRefresher,
    cluster: Cluster,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        deployment = await deployments.get(event.deployment_id)
        if deployment.status is not Status.ROLLING_BACK:
            return
        previous = await renderings.read_previous(deployment)
        assert previous is not None, "a rollback has a target"

    async def roll_back() -> None:
        pinned = previous.deployment.revision
        await cluster.replace_service(deployment.own_service, previous.service(), pinned_revision=pinned)
        await refresher.follow(previous, work, pinned_revision=pinned)
        await workloads.refresh(deployment.application_id, deployment.environment, work)

    await fail_if_refused(roll_back(), deployment.id, deployments, clock, work)
