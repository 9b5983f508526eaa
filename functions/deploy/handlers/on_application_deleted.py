"""Delete an application's namespace, then free its name."""

from events.deploy import ApplicationDeleted
from functions.deploy.domain.names import namespace_of
from functions.deploy.ports import Applications, Cluster
from functions.kernel import Retry, Work, effect


@effect(retry=Retry(attempts=12))
async def on_application_deleted(event: ApplicationDeleted, applications: Applications, cluster: Cluster, work: Work) -> None:
    await cluster.delete_namespace(namespace_of(event.name), event.application_id)

    async with work.recording():
        application = await applications.lock_any(event.application_id)
        application.complete_deletion()
        await applications.save(application)
