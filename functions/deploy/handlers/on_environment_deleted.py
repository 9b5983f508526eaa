"""A deleted environment leaves the cluster; the application and its other environments stay."""

from events.deploy import EnvironmentDeleted
from functions.deploy.domain.names import namespace_of, service_of
from functions.deploy.ports import Cluster, Deployments
from functions.kernel import Retry, Work, effect


@effect(retry=Retry(attempts=12))
async def on_environment_deleted(deleted: EnvironmentDeleted, deployments: Deployments, cluster: Cluster, work: Work) -> None:
    async with work.reading():
        newest = {each.environment: each.requested_at for each in await deployments.latest(deleted.application_id)}
        if newest.get(deleted.environment, deleted.at) > deleted.at:
            return  # made anew and deployed to meanwhile: what runs there now is not what was deleted

    service = service_of(deleted.application, deleted.environment)
    await cluster.remove_environment(namespace_of(deleted.application), service, deleted.application_id, deleted.environment)
