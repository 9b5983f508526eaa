"""The credentials of a data service after a rotation: who has them, and who still uses the former ones."""

from dataclasses import dataclass

from functions.deploy.domain.application import ACTIVE, Application
from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.data_service_views import bindings_of
from functions.deploy.domain.deployment import Cause
from functions.deploy.domain.environment import Environment
from functions.deploy.ports import Applications, Configurations, DataServices, Deployments, Environments, Releases
from functions.deploy.services.deployment_starter import DeploymentStarter
from functions.kernel import Clock, Events, Origin, OutgoingMessage, Transient


@dataclass(frozen=True, slots=True)
class ServiceCredentials:
    applications: Applications
    environments: Environments
    deployments: Deployments
    releases: Releases
    configurations: Configurations
    services: DataServices
    starter: DeploymentStarter
    clock: Clock

    async def switch(self, service: DataService, sealed_url: str, origin: Origin) -> Events:
        """Make the next credentials the current ones, and restart what is bound. Raises Transient while a deployment is in progress there."""
        application = await self.applications.lock_any(service.application_id)
        stored = await self.services.lock_any(service.id)
        assert stored is not None, "rows of services are kept"
        bound = await self._bound(application, stored)
        in_progress = {each.environment for each in await self.deployments.lock_running(application.id)}
        if busy := sorted(in_progress & {each.name for each in bound}):
            raise Transient(f"a deployment to {', '.join(busy)} is in progress")
        events: list[OutgoingMessage] = [*stored.complete_rotation(sealed_url, application.user_id, self.clock.now())]
        await self.services.save(stored)
        await self.configurations.replace_service_url(stored.id, sealed_url)
        for environment in bound:
            serving = await self.deployments.find_serving(environment)
            if environment.runs_nothing or serving is None or serving.release_id is None:
                continue  # its next deployment has the new credentials
            release = await self.releases.get(serving.release_id)
            _, started = await self.starter.deploy_release(application, environment, release, Cause.RESTART, origin)
            events.extend(started)
        return tuple(events)

    async def are_former_in_use(self, service: DataService) -> bool:
        """Whether something that is bound serves since before the rotation."""
        application = await self.applications.get_any(service.application_id)
        for environment in await self._bound(application, service):
            serving = await self.deployments.find_serving(environment)
            if not environment.runs_nothing and serving is not None and service.rotated_at and serving.requested_at < service.rotated_at:
                return True
        return False

    async def _bound(self, application: Application, service: DataService) -> list[Environment]:
        if application.status != ACTIVE:
            return []
        entries = await self.configurations.at(application.id, application.config_version)
        names = {each.scope for each in bindings_of(service, entries)}
        return [each for each in await self.environments.list_all(application) if each.name in names]
