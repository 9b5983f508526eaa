"""In-memory releases and deployments of the deploy context. They pass the same contract suites as the real adapters."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from functions.deploy.domain.deployment import Deployment, Status
from functions.deploy.domain.environment import Environment
from functions.deploy.domain.names import application_of
from functions.deploy.domain.rejections import (
    DeploymentInProgress,
    DeploymentNotFound,
    ReleaseNotFound,
)
from functions.deploy.domain.release import Release
from functions.kernel import Transient


class MemoryReleases:
    def __init__(self) -> None:
        self._rows: dict[UUID, Release] = {}

    async def add(self, release: Release) -> Release:
        number = 1 + sum(each.application_id == release.application_id for each in self._rows.values())
        self._rows[release.id] = replace(release, number=number)
        return self._rows[release.id]

    async def get(self, release_id: UUID) -> Release:
        return self._rows[release_id]

    async def get_by_number(self, application_id: UUID, number: int) -> Release:
        for each in self._rows.values():
            if (each.application_id, each.number) == (application_id, number):
                return each
        raise ReleaseNotFound.of(number)

    async def page(self, application_id: UUID, *, before: int | None, limit: int) -> Sequence[Release]:
        rows = [each for each in self._rows.values() if each.application_id == application_id and (before is None or each.number < before)]
        return sorted(rows, key=lambda each: each.number, reverse=True)[:limit]


class MemoryDeployments:
    def __init__(self) -> None:
        self._traffic: dict[UUID, tuple[int, int]] = {}
        self._rows: dict[UUID, Deployment] = {}

    async def add(self, deployment: Deployment) -> None:
        for each in self._rows.values():
            if (each.application_id, each.environment) == (deployment.application_id, deployment.environment) and each.is_running:
                raise DeploymentInProgress.of(deployment.application, deployment.environment)
        deployment.stored_version = deployment.version
        self._rows[deployment.id] = deepcopy(deployment)

    async def get(self, deployment_id: UUID) -> Deployment:
        if deployment_id not in self._rows:
            raise DeploymentNotFound.of(deployment_id)
        return deepcopy(self._rows[deployment_id])

    async def lock(self, deployment_id: UUID) -> Deployment:
        return await self.get(deployment_id)

    async def save(self, deployment: Deployment) -> None:
        if deployment.version == deployment.stored_version:
            return
        if self._rows[deployment.id].version != deployment.stored_version:
            raise Transient("stale")
        deployment.stored_version = deployment.version
        self._rows[deployment.id] = deepcopy(deployment)

    async def find_by_object(self, kind: str, namespace: str, name: str) -> Deployment | None:
        for each in self._rows.values():
            if (
                each.is_running
                and each.application == application_of(namespace)
                and (each.watched_object.kind, each.watched_object.name) == (kind, name)
            ):
                return deepcopy(each)
        return None

    async def lock_running(self, application_id: UUID) -> Sequence[Deployment]:
        return deepcopy([each for each in self._rows.values() if each.application_id == application_id and each.is_running])

    async def list_stuck(self, due_before: datetime, limit: int) -> Sequence[Deployment]:
        rows = [(each.reminder_at, each) for each in self._rows.values() if each.is_running and each.reminder_at and each.reminder_at < due_before]
        return deepcopy([each for _, each in sorted(rows, key=lambda pair: pair[0])[:limit]])

    async def find_serving(self, environment: Environment) -> Deployment | None:
        return self._find_serving(environment, lambda each: True)

    async def find_serving_before(self, environment: Environment, release: int) -> Deployment | None:
        return self._find_serving(environment, lambda each: (each.release or 0) < release)

    def _find_serving(self, environment: Environment, condition: Callable[[Deployment], bool]) -> Deployment | None:
        key = (environment.application_id, environment.name, Status.SUCCEEDED)
        rows = [
            each
            for each in self._rows.values()
            if (each.application_id, each.environment, each.status) == key and each.requested_at >= environment.created_at and condition(each)
        ]
        newest = max(rows, key=lambda each: (each.finished_at, each.id), default=None)
        return replace(deepcopy(newest), steps=[]) if newest else None

    async def list_observed(self) -> Sequence[Deployment]:
        return deepcopy([each for each in self._rows.values() if each.status is Status.OBSERVING])

    async def add_traffic(self, deployment_id: UUID, requests: int, errors: int) -> tuple[int, int]:
        before = self._traffic.get(deployment_id, (0, 0))
        self._traffic[deployment_id] = (before[0] + requests, before[1] + errors)
        return self._traffic[deployment_id]

    async def list_latest(self, application_id: UUID) -> Sequence[Deployment]:
        newest: dict[str, Deployment] = {}
        for each in sorted(self._rows.values(), key=lambda each: each.id):
            if each.application_id == application_id:
                newest[each.environment] = each
        return deepcopy([newest[name] for name in sorted(newest)])

    async def page(self, application_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Deployment]:
        rows = [each for each in self._rows.values() if each.application_id == application_id and (before is None or each.id < before)]
        return deepcopy(sorted(rows, key=lambda each: each.id, reverse=True)[:limit])
