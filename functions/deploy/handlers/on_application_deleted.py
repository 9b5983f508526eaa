"""A deleted application leaves the cluster; when nothing of it is left there, its name is free."""

from events.deploy import ApplicationDeleted
from functions.deploy.domain.names import namespace_of
from functions.deploy.ports import Applications, Cluster
from functions.kernel import Retry, Work, effect


@effect(retry=Retry(attempts=12))
async def on_application_deleted(deleted: ApplicationDeleted, applications: Applications, cluster: Cluster, work: Work) -> None:
    await cluster.remove_namespace(namespace_of(deleted.name), deleted.application_id)

    async with work.recording():
        application = await applications.locked(deleted.application_id)
        application.deleted()
        await applications.save(application)
