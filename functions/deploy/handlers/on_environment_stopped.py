"""Stop the Service of a stopped environment.

It loses its public address and its instances; its revisions stay."""

from events.deploy import EnvironmentStopped
from functions.deploy.domain.manifests import stop
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound
from functions.deploy.ports import Applications, Cluster, Deployments, Environments
from functions.deploy.services.renderings import Renderings
from functions.kernel import Retry, Work, effect


@effect(retry=Retry(attempts=12))
async def on_environment_stopped(
    event: EnvironmentStopped,
    applications: Applications,
    environments: Environments,
    deployments: Deployments,
    renderings: Renderings,
    cluster: Cluster,
    work: Work,
) -> None:
    async with work.reading():
        try:
            application = (await applications.get(event.application_id)).owned_by(event.user_id)
            environment = await environments.get(application, event.environment)
        except (ApplicationNotFound, EnvironmentNotFound):
            return  # deleted since
        serving = await deployments.find_serving(environment)
        if not environment.is_stopped or serving is None:
            return  # started again since
        rendering = await renderings.read(serving)

    await cluster.replace_service(serving.own_service, stop(rendering.service()))
