"""The process types that an application has."""

from uuid import UUID

from functions.deploy.domain.environment import Environment
from functions.deploy.domain.processes import WEB
from functions.deploy.ports import Deployments, Releases


class ProcessTypes:
    def __init__(self, deployments: Deployments, releases: Releases) -> None:
        self._deployments = deployments
        self._releases = releases

    async def of(self, application_id: UUID, environment: Environment) -> frozenset[str]:
        """Return those of the release that serves in the environment, of the newest release, and those with a size of their own.

        Empty before the first release: nobody knows yet.
        """
        newest = await self._releases.page(application_id, before=None, limit=1)
        if not newest:
            return frozenset()
        serving = await self._deployments.find_serving(environment)
        served = [await self._releases.get(serving.release_id)] if serving is not None and serving.release_id is not None else []
        return frozenset({WEB, *environment.processes.by_name, *(name for each in (*newest, *served) for name in each.processes)})
