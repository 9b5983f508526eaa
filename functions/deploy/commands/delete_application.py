"""Delete an application with all its environments.

Irreversible: deletes its releases, configuration and running workloads. The name is free again when the cluster has no
object of it left.
"""

from uuid import UUID

from events.deploy import AccountReviewRequested, ApplicationDeleted, BuildFailed, DeploymentFailed
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Quotas
from functions.deploy.services.application_deletion import ApplicationDeletion
from functions.deploy.services.work_admission import review_events
from functions.kernel import Caller, Clock, Done, Model, command


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
    request: DeleteApplication, applications: Applications, quotas: Quotas, deletion: ApplicationDeletion, caller: Caller, clock: Clock
) -> Done[ApplicationDeletionAccepted]:
    application = await applications.lock_owned(request.application_id, caller.user_id)
    events = await deletion.delete(application, clock.now())
    events.extend(await review_events(quotas, caller.user_id))
    return Done(ApplicationDeletionAccepted(id=application.id, status=application.status), *events)
