"""A destroyed environment leaves the cluster; the application and its other environments stay."""

from events.deploy import EnvironmentDestroyed
from functions.deploy.domain.names import namespace_of, service_of
from functions.deploy.ports import Cluster, Deployments
from functions.kernel import Retry, Work, effect


@effect(retry=Retry(attempts=12))
async def on_environment_destroyed(destroyed: EnvironmentDestroyed, deployments: Deployments, cluster: Cluster, work: Work) -> None:
    async with work.reading():
        newest = {each.environment: each.requested_at for each in await deployments.latest(destroyed.application_id)}
        if newest.get(destroyed.environment, destroyed.at) > destroyed.at:
            return  # made anew and deployed to meanwhile: what runs there now is not what was destroyed

    service = service_of(destroyed.application, destroyed.environment)
    await cluster.remove_environment(namespace_of(destroyed.application), service, destroyed.application_id, destroyed.environment)
