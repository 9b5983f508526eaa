"""Read what a deployment applies to the cluster."""

from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.release_facts import ApplicationUrls
from functions.deploy.domain.rendering import Rendering
from functions.deploy.domain.volume_manifests import StoragePolicy
from functions.deploy.ports import Configurations, Deployments, Environments, Releases, Volumes


class Renderings:
    def __init__(
        self,
        deployments: Deployments,
        environments: Environments,
        releases: Releases,
        configurations: Configurations,
        volumes: Volumes,
        urls: ApplicationUrls,
        policy: StoragePolicy,
    ) -> None:
        self._deployments = deployments
        self._environments = environments
        self._releases = releases
        self._configurations = configurations
        self._volumes = volumes
        self._urls = urls
        self._policy = policy

    async def read(self, deployment: Deployment) -> Rendering:
        """Read the release and configuration of a deployment that has a release, and the state of its environment."""
        assert deployment.release_id is not None, "only a deployment with a release is rendered"
        release = await self._releases.get(deployment.release_id)
        entries = await self._configurations.at(deployment.application_id, release.config_version)
        environment = await self._environments.find(deployment.application_id, deployment.environment)
        url = self._urls.url_of(deployment.application, deployment.environment)
        volumes = await self._volumes.list_of(deployment.application_id)
        if environment is None:
            return Rendering(deployment, release, entries, url, volumes=volumes, policy=self._policy)
        state = (environment.stop_reason, environment.maintenance, environment.processes)
        return Rendering(deployment, release, entries, url, *state, volumes, self._policy)

    async def read_previous(self, deployment: Deployment) -> Rendering | None:
        """Read the deployment that served before this one; None if nothing did."""
        if deployment.previous_id is None:
            return None
        return await self.read(await self._deployments.get(deployment.previous_id))
