"""Clean up after a failed deployment.

Stops Jobs that still run, and applies the previous Service again; without a previous one, deletes the Service and frees
its memory.
"""

from events.deploy import AccountReviewRequested
from events.deployments import DeploymentFailed
from functions.deploy.domain.observation import APPLICATION_DELETED, CANCELLED, ENVIRONMENT_DELETED, IMAGE_NOT_KEPT, IMAGE_NOT_PULLED, TIMED_OUT
from functions.deploy.ports import Cluster, Deployments, Quotas
from functions.deploy.services.renderings import Renderings
from functions.deploy.services.work_admission import review_events
from functions.deploy.services.workload_refresher import WorkloadRefresher
from functions.kernel import Work, effect

REASONS_WITH_RUNNING_JOBS = frozenset({TIMED_OUT, CANCELLED, ENVIRONMENT_DELETED, IMAGE_NOT_PULLED, IMAGE_NOT_KEPT})


@effect(emits=[AccountReviewRequested])
async def on_deployment_failed(
    event: DeploymentFailed,
    deployments: Deployments,
    renderings: Renderings,
    workloads: WorkloadRefresher,
    quotas: Quotas,
    cluster: Cluster,
    work: Work,
) -> None:
    async with work.reading():
        deployment = await deployments.get(event.deployment_id)
        is_deleted = deployment.reason in (APPLICATION_DELETED, ENVIRONMENT_DELETED)
        previous = None if is_deleted else await renderings.read_previous(deployment)

    if deployment.reason in REASONS_WITH_RUNNING_JOBS:
        for job in (deployment.build_job, deployment.release_job):
            await cluster.delete_job(deployment.namespace, job)
    if deployment.release_id is not None:
        await cluster.replace_service(deployment.own_service, previous.service() if previous else None)
    if deployment.has_taken_traffic and not is_deleted:
        await workloads.refresh(deployment.application_id, deployment.environment, work)

    async with work.recording() as record:
        latest = {each.environment: each.id for each in await deployments.list_latest(deployment.application_id)}
        if deployment.previous_id is None and latest[deployment.environment] == deployment.id:
            await quotas.release_memory(deployment.application_id, deployment.environment)
            record.emit(*await review_events(quotas, deployment.user_id))
