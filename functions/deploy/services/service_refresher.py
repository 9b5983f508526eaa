"""Apply the Service of an environment again, after what it may run or what its visitors get has changed."""

from uuid import UUID

from functions.deploy.domain.application import ACTIVE
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound
from functions.deploy.domain.rendering import Rendering
from functions.deploy.ports import Applications, Cluster, Deployments, Environments
from functions.deploy.services.renderings import Renderings
from functions.kernel import Work


class ServiceRefresher:
    def __init__(
        self, applications: Applications, environments: Environments, deployments: Deployments, renderings: Renderings, cluster: Cluster
    ) -> None:
        self._applications = applications
        self._environments = environments
        self._deployments = deployments
        self._renderings = renderings
        self._cluster = cluster

    async def refresh(self, application_id: UUID, environment_name: str, work: Work) -> None:
        """Apply the state of now, whatever event led here. The application may have another owner since the event.

        The Service belongs to the deployment that serves, or to a newer one that releases. Only its owner's manifest is applied.
        """
        async with work.reading():
            try:
                application = await self._applications.get_any(application_id)
                if application.status != ACTIVE:
                    return
                environment = await self._environments.get(application, environment_name)
            except (ApplicationNotFound, EnvironmentNotFound):
                return  # deleted since
            serving = await self._deployments.find_serving(environment)
            latest = [each for each in await self._deployments.list_latest(application_id) if each.environment == environment_name]
            owners = {each.id: each for each in (serving, *latest) if each is not None and each.release_id is not None}
            renderings = [await self._renderings.read(each) for each in owners.values()]

        for each in renderings:
            await self._cluster.replace_service(each.deployment.own_service, each.service())

    async def follow(self, applied: Rendering, work: Work, *, pinned_revision: str | None = None) -> None:
        """Apply a Service again if its manifest has changed since it was read: a `refresh` in between did not find it, since it had another owner."""
        async with work.reading():
            newer = await self._renderings.read(applied.deployment)
        if newer.service() != applied.service():
            await self._cluster.replace_service(applied.deployment.own_service, newer.service(), pinned_revision)
