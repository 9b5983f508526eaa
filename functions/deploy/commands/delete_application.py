"""Delete an application with all its environments.

Irreversible: deletes its releases, configuration and running workloads. The name is free again when the cluster has no
object of it left.
"""

from uuid import UUID

from events.deploy import AccountReviewRequested, ApplicationDeleted, BuildFailed, DeploymentFailed
from functions.deploy.domain.observation import APPLICATION_DELETED
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Deployments, Quotas, RepositoryAccesses
from functions.deploy.services.work_admission import review_events
from functions.kernel import Caller, Clock, Done, Model, OutgoingMessage, command


class DeleteApplication(Model):
    application_id: UUID


class ApplicationDeletionAccepted(Model):
    id: UUID
    status: str


@command(
    http="DELETE /v1/apps/{application_id}",
    status=202,
    rejects=[ApplicationNotFound],
    emits=[AccountReviewRequested, ApplicationDeleted, BuildFailed, DeploymentFailed],
)
async def delete_application(
    request: DeleteApplication,
    applications: Applications,
    deployments: Deployments,
    accesses: RepositoryAccesses,
    quotas: Quotas,
    caller: Caller,
    clock: Clock,
) -> Done[ApplicationDeletionAccepted]:
    application = await applications.lock_owned(request.application_id, caller.user_id)
    now = clock.now()

    events: list[OutgoingMessage] = []
    for deployment in await deployments.lock_running(application.id):
        events.extend(deployment.fail(APPLICATION_DELETED, "The application was deleted during this deployment.", now))
        await deployments.save(deployment)

    events.extend(application.delete(now))
    await applications.save(application)
    await accesses.delete(application.id)
    await quotas.release_application(application.user_id)
    await quotas.release_memory(application.id)

    events.extend(await review_events(quotas, caller.user_id))
    return Done(ApplicationDeletionAccepted(id=application.id, status=application.status), *events)
