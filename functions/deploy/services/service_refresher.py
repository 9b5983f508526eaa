"""Apply the Service of an environment again, after what it may run has changed."""

from uuid import UUID

from functions.deploy.domain.application import ACTIVE
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound
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
        """Apply the state of now, whatever event led here: running, stopped or paused. The application may have another owner since the event."""
        async with work.reading():
            try:
                application = await self._applications.get_any(application_id)
                if application.status != ACTIVE:
                    return
                environment = await self._environments.get(application, environment_name)
            except (ApplicationNotFound, EnvironmentNotFound):
                return  # deleted since
            serving = await self._deployments.find_serving(environment)
            if serving is None:
                return
            rendering = await self._renderings.read(serving)

        await self._cluster.replace_service(serving.own_service, rendering.service())
