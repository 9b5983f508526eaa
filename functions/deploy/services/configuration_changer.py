"""Store a change of the configuration and redeploy what it affects: shared by both configuration commands."""

from collections.abc import Iterable

from functions.deploy.domain.application import Application
from functions.deploy.domain.configuration import Change, merge
from functions.deploy.domain.configuration_size import check_size
from functions.deploy.domain.deployment import Cause, Deployment
from functions.deploy.domain.environment import Environment
from functions.deploy.domain.names import check_host_name
from functions.deploy.ports import Applications, Configurations, Deployments, Releases, Vault
from functions.deploy.services.deployment_starter import DeploymentStarter
from functions.kernel import Clock, Events, Origin, OutgoingMessage


class ConfigurationChanger:
    def __init__(
        self,
        applications: Applications,
        configurations: Configurations,
        deployments: Deployments,
        releases: Releases,
        vault: Vault,
        starter: DeploymentStarter,
        clock: Clock,
    ) -> None:
        self._applications = applications
        self._configurations = configurations
        self._deployments = deployments
        self._releases = releases
        self._vault = vault
        self._starter = starter
        self._clock = clock

    async def store(self, application: Application, scope: str, change: Change) -> bool:
        """Store the change as a new version. Returns False if it changes nothing. Raises InvalidConfiguration."""
        entries = await self._configurations.at(application.id, application.config_version)
        effective = change.without_unchanged(entries, scope)
        if effective is None:
            return False
        check_size(entries, effective, scope)
        version = application.next_config_version()
        await self._applications.save(application)
        sealed = effective if change.service_id else effective.seal(self._vault.seal)  # the URL of a data service is stored sealed
        await self._configurations.change(application.id, scope, sealed, version, self._clock.now())
        return True

    async def release_saved(self, application: Application, environments: Iterable[Environment], origin: Origin) -> tuple[list[Deployment], Events]:
        """Redeploy the environments whose release has another configuration than the newest. Raises what `redeploy` raises."""
        behind = [each for each in environments if await self._is_behind(application, each)]
        return await self.redeploy(application, behind, origin)

    async def redeploy(self, application: Application, environments: Iterable[Environment], origin: Origin) -> tuple[list[Deployment], Events]:
        """Redeploy what serves in the environments with the newest configuration. Skips environments without a release.
        A stopped environment starts with the newest configuration.

        A paused one gets it when it is resumed. Raises HostNameReserved and what DeploymentStarter raises.
        """
        started: list[Deployment] = []
        published: list[OutgoingMessage] = []
        for environment in environments:
            if environment.runs_nothing:
                continue
            serving = await self._deployments.find_serving(environment)
            if serving is None or serving.release_id is None:
                continue
            check_host_name(application.name, environment.name)
            current = await self._releases.get(serving.release_id)
            release = await self._releases.add(current.with_configuration(application.config_version, self._clock.now()))
            deployment, events = await self._starter.deploy_release(application, environment, release, Cause.CONFIGURATION, origin)
            started.append(deployment)
            published.extend(events)
        return started, tuple(published)

    async def catch_up(self, application: Application, environment: Environment, origin: Origin) -> Events:
        """Deploy the configuration and the size that have changed while the environment was paused."""
        serving = await self._deployments.find_serving(environment)
        if serving is None or (serving.terms.size == environment.size and not await self._is_behind(application, environment)):
            return ()
        _, events = await self.redeploy(application, [environment], origin)
        return events

    async def _is_behind(self, application: Application, environment: Environment) -> bool:
        """Whether the release that serves has another configuration than the newest; False where nothing serves."""
        serving = await self._deployments.find_serving(environment)
        if serving is None or serving.release_id is None:
            return False
        release = await self._releases.get(serving.release_id)
        versions = (release.config_version, application.config_version)
        former, newest = [merge(await self._configurations.at(application.id, each), environment.name) for each in versions]
        return former.keys() != newest.keys() or any(not entry.has_value_of(former[name]) for name, entry in newest.items())
