"""The deploy context without a database and without a cluster: for tests of use cases, held to the same suites as the real adapters.

Rows are copied in and out, so that what is not saved is not kept, and a stale one is noticed.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from functions.deploy.domain.application import ACTIVE, DESTROYED, Application, Quota
from functions.deploy.domain.deployment import RUNNING, Deployment, Status
from functions.deploy.domain.names import application_of
from functions.deploy.domain.rejections import (
    ApplicationNameTaken,
    ApplicationNotFound,
    ApplicationQuotaExceeded,
    DeploymentInProgress,
    DeploymentNotFound,
)
from functions.deploy.domain.release import Release
from functions.kernel import Transient


class MemoryQuotas:
    def __init__(self) -> None:
        self.granted: dict[UUID, Quota] = {}

    async def grant(self, quota: Quota) -> None:
        self.granted.setdefault(quota.user_id, quota)

    async def set(self, quota: Quota) -> None:
        before = self.granted.get(quota.user_id)
        self.granted[quota.user_id] = replace(quota, applications_used=before.applications_used if before else 0)

    async def find(self, user_id: UUID) -> Quota | None:
        return self.granted.get(user_id)

    async def give_back(self, user_id: UUID) -> None:
        self._count(user_id, -1)

    def take(self, user_id: UUID, otherwise: Quota) -> None:
        quota = self.granted.setdefault(user_id, otherwise)
        if quota.applications_used >= quota.applications:
            raise ApplicationQuotaExceeded
        self._count(user_id, 1)

    def _count(self, user_id: UUID, step: int) -> None:
        quota = self.granted[user_id]
        self.granted[user_id] = replace(quota, applications_used=quota.applications_used + step)


class MemoryApplications:
    def __init__(self, quotas: MemoryQuotas) -> None:
        self._quotas = quotas
        self._rows: dict[UUID, Application] = {}

    async def add(self, application: Application, otherwise: Quota) -> None:
        if any(each.name == application.name and each.status != DESTROYED for each in self._rows.values()):
            raise ApplicationNameTaken
        self._quotas.take(application.user_id, otherwise)
        self._rows[application.id] = deepcopy(application)

    async def get(self, application_id: UUID) -> Application:
        if application_id not in self._rows:
            raise ApplicationNotFound
        return deepcopy(self._rows[application_id])

    async def locked(self, application_id: UUID) -> Application:
        return await self.get(application_id)

    async def save(self, application: Application) -> None:
        if self._rows[application.id].version != application.version:
            raise Transient("stale")
        application.version += 1
        self._rows[application.id] = deepcopy(application)

    async def page(self, user_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Application]:
        found = [each for each in self._rows.values() if each.user_id == user_id and each.status == ACTIVE and (before is None or each.id < before)]
        return deepcopy(sorted(found, key=lambda each: each.id, reverse=True)[:limit])


class MemoryReleases:
    def __init__(self) -> None:
        self._rows: dict[UUID, Release] = {}

    async def add(self, release: Release) -> Release:
        number = 1 + sum(each.application_id == release.application_id for each in self._rows.values())
        self._rows[release.id] = replace(release, number=number)
        return self._rows[release.id]

    async def get(self, release_id: UUID) -> Release:
        return self._rows[release_id]

    async def numbers(self, release_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        return {each: self._rows[each].number for each in release_ids}


class MemoryDeployments:
    def __init__(self) -> None:
        self._rows: dict[UUID, Deployment] = {}

    async def add(self, deployment: Deployment) -> None:
        for each in self._rows.values():
            if (each.application_id, each.environment) == (deployment.application_id, deployment.environment) and each.running:
                raise DeploymentInProgress
        deployment.stored_version = deployment.version
        self._rows[deployment.id] = deepcopy(deployment)

    async def get(self, deployment_id: UUID) -> Deployment:
        if deployment_id not in self._rows:
            raise DeploymentNotFound
        return deepcopy(self._rows[deployment_id])

    async def locked(self, deployment_id: UUID) -> Deployment:
        return await self.get(deployment_id)

    async def save(self, deployment: Deployment) -> None:
        if deployment.version == deployment.stored_version:
            return
        if self._rows[deployment.id].version != deployment.stored_version:
            raise Transient("stale")
        deployment.stored_version = deployment.version
        self._rows[deployment.id] = deepcopy(deployment)

    async def awaiting(self, kind: str, namespace: str, name: str) -> Deployment | None:
        for each in self._rows.values():
            if each.running and each.application == application_of(namespace) and (each.awaits.kind, each.awaits.name) == (kind, name):
                return deepcopy(each)
        return None

    async def running_of(self, application_id: UUID) -> Sequence[Deployment]:
        return deepcopy([each for each in self._rows.values() if each.application_id == application_id and each.running])

    async def quiet(self, since: datetime, limit: int) -> Sequence[Deployment]:
        found = [each for each in self._rows.values() if each.status in RUNNING and each.changed_at < since]
        return deepcopy(sorted(found, key=lambda each: each.changed_at)[:limit])

    async def last_good(self, application_id: UUID, environment: str) -> Deployment | None:
        found = [
            each
            for each in self._rows.values()
            if (each.application_id, each.environment, each.status) == (application_id, environment, Status.SUCCEEDED)
        ]
        return deepcopy(max(found, key=lambda each: (each.finished_at, each.id), default=None))

    async def latest(self, application_id: UUID) -> Sequence[Deployment]:
        newest: dict[str, Deployment] = {}
        for each in sorted(self._rows.values(), key=lambda each: each.id):
            if each.application_id == application_id:
                newest[each.environment] = each
        return deepcopy([newest[name] for name in sorted(newest)])

    async def page(self, application_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Deployment]:
        found = [each for each in self._rows.values() if each.application_id == application_id and (before is None or each.id < before)]
        return deepcopy(sorted(found, key=lambda each: each.id, reverse=True)[:limit])
