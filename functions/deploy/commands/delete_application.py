"""Delete an application with all its environments.

Irreversible: deletes its releases, configuration and running workloads. The name is free again when the cluster has no
object of it left.
"""

from uuid import UUID

from events.data_services import DataServiceDeleted, DataServicePurgeRequested
from events.deploy import AccountReviewRequested, ApplicationDeleted
from events.deployments import BuildFailed, DeploymentFailed
from events.domains import DomainRefreshRequested, DomainRemoved
from events.volumes import VolumeDeleted
from functions.deploy.domain.operation import Operation, OperationKind
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Operations, Quotas
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.application_deletion import ApplicationDeletion
from functions.deploy.services.work_admission import review_events
from functions.kernel import Clock, Done, Model, Permission, Permit, command


class DeleteApplication(Model):
    application_id: UUID


class ApplicationDeletionAccepted(Model):
    id: UUID
    operation_id: UUID
    status: str


@command(
    http="DELETE /v1/apps/{application_id}",
    permission=Permission.APP_DELETE,
    status=202,
    rejects=[ApplicationNotFound],
    emits=[
        *(AccountReviewRequested, ApplicationDeleted, BuildFailed, DataServiceDeleted, DataServicePurgeRequested, DeploymentFailed),
        *(DomainRefreshRequested, DomainRemoved, VolumeDeleted),
    ],
)
async def delete_application(
    request: DeleteApplication,
    applications: Applications,
    quotas: Quotas,
    deletion: ApplicationDeletion,
    operations: Operations,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[ApplicationDeletionAccepted]:
    application = await applications.lock(await control.to_application(permit, request.application_id))
    now = clock.now()
    events = await deletion.delete(application, now)
    operation = Operation.start(OperationKind.APPLICATION_DELETION, application, None, now)
    await operations.add(operation)
    events.extend(await review_events(quotas, application.user_id))
    return Done(ApplicationDeletionAccepted(id=application.id, operation_id=operation.id, status=application.status), *events)
