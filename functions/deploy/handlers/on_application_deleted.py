"""Delete an application's namespace, then free its name."""

from events.deploy import ApplicationDeleted
from functions.deploy.domain.names import namespace_of
from functions.deploy.domain.operation import OperationKind
from functions.deploy.ports import Applications, Cluster
from functions.deploy.services.operation_recorder import OperationRecorder
from functions.kernel import Retry, Work, effect


@effect(retry=Retry(attempts=12))
async def on_application_deleted(
    event: ApplicationDeleted, applications: Applications, recorder: OperationRecorder, cluster: Cluster, work: Work
) -> None:
    async with recorder.attempt(OperationKind.APPLICATION_DELETION, event.application_id, None, event.at, work):
        await cluster.delete_namespace(namespace_of(event.name), event.application_id)

        async with work.recording():
            application = await applications.lock_any(event.application_id)
            application.complete_deletion()
            await applications.save(application)
            await recorder.succeed(OperationKind.APPLICATION_DELETION, event.application_id, None, event.at)
