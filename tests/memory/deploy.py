"""The deploy context without a database and without a cluster: for tests of use cases, held to the same suites as the real adapters.

Rows are copied in and out, so that what is not saved is not kept, and a stale one is noticed.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml

from functions.deploy.domain.application import ACTIVE, DESTROYED, Application, Quota
from functions.deploy.domain.configuration import Change, Entry
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.environment import FROM_THE_BEGINNING, Environment
from functions.deploy.domain.names import application_of
from functions.deploy.domain.rejections import (
    ApplicationNameTaken,
    ApplicationNotFound,
    ApplicationQuotaExceeded,
    DeploymentInProgress,
    DeploymentNotFound,
    EnvironmentNameTaken,
    EnvironmentNotFound,
    MemoryQuotaExceeded,
    ReleaseNotFound,
)
from functions.deploy.domain.release import Release
from functions.deploy.domain.status import Status
from functions.deploy.ports import BuildSettings
from functions.kernel import Transient

ROOT = Path(__file__).parents[2]


class MemoryQuotas:
    def __init__(self) -> None:
        self.granted: dict[UUID, Quota] = {}
        self._memory: dict[tuple[UUID, str], tuple[UUID, int]] = {}

    async def grant(self, quota: Quota) -> None:
        self.granted.setdefault(quota.user_id, quota)

    async def set(self, quota: Quota) -> None:
        before = self.granted.get(quota.user_id)
        self.granted[quota.user_id] = replace(quota, applications_used=before.applications_used if before else 0)

    async def find(self, user_id: UUID) -> Quota | None:
        found = self.granted.get(user_id)
        return replace(found, memory_used_mib=self._memory_of(user_id)) if found else None

    async def take_memory(self, application: Application, environment: str, mib: int, otherwise: Quota) -> None:
        quota = self.granted.setdefault(application.user_id, otherwise)
        key = (application.id, environment)
        before = self._memory.get(key, (application.user_id, 0))[1]
        if mib > before and self._memory_of(application.user_id) - before + mib > quota.memory_mib:
            raise MemoryQuotaExceeded
        self._memory[key] = (application.user_id, mib)

    async def give_memory_back(self, application_id: UUID, environment: str | None = None) -> None:
        for key in [key for key in self._memory if key[0] == application_id and environment in (None, key[1])]:
            del self._memory[key]

    def _memory_of(self, user_id: UUID) -> int:
        return sum(mib for owner, mib in self._memory.values() if owner == user_id)

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


class MemoryEnvironments:
    def __init__(self) -> None:
        self._rows: dict[tuple[UUID, str], Environment] = {}

    async def add(self, environment: Environment) -> None:
        key = (environment.application_id, environment.name)
        known = self._rows.get(key)
        if (known is None and environment.name in FROM_THE_BEGINNING) or (known is not None and known.deleted_at is None):
            raise EnvironmentNameTaken
        self._rows[key] = deepcopy(environment)

    async def get(self, application: Application, name: str) -> Environment:
        found = self._rows.get((application.id, name))
        if found is None and name in FROM_THE_BEGINNING:
            return Environment(application.id, name, application.created_at)
        if found is None:
            raise EnvironmentNotFound
        return deepcopy(found).here()

    async def save(self, environment: Environment) -> None:
        self._rows[environment.application_id, environment.name] = deepcopy(environment)

    async def all(self, application: Application) -> Sequence[Environment]:
        found = {name: Environment(application.id, name, application.created_at) for name in FROM_THE_BEGINNING}
        found |= {each.name: deepcopy(each) for each in self._rows.values() if each.application_id == application.id}
        return [each for _, each in sorted(found.items()) if each.deleted_at is None]


class MemoryConfigurations:
    def __init__(self) -> None:
        self._rows: list[tuple[UUID, Entry, int | None]] = []

    async def at(self, application_id: UUID, version: int) -> Sequence[Entry]:
        found = [
            entry for owner, entry, until in self._rows if owner == application_id and entry.since <= version and (until is None or until > version)
        ]
        return sorted(found, key=lambda entry: (entry.scope, entry.name))

    async def change(self, application_id: UUID, scope: str, change: Change, version: int, at: datetime) -> None:
        named = {*change.variables, *change.secrets, *change.unset}
        self._rows = [
            (owner, entry, version if until is None and owner == application_id and entry.scope == scope and entry.name in named else until)
            for owner, entry, until in self._rows
        ]
        for name, value in change.variables.items():
            self._rows.append((application_id, Entry(scope, name, version, at, value=value), None))
        for name, sealed in change.secrets.items():
            self._rows.append((application_id, Entry(scope, name, version, at, sealed=sealed), None))


class PlainVault:
    """Tells sealed from open, and hides nothing."""

    def seal(self, secret: str) -> str:
        return f"sealed:{secret}"

    def open(self, sealed: str) -> str:
        return sealed.removeprefix("sealed:")


class MemoryReleases:
    def __init__(self) -> None:
        self._rows: dict[UUID, Release] = {}

    async def add(self, release: Release) -> Release:
        number = 1 + sum(each.application_id == release.application_id for each in self._rows.values())
        self._rows[release.id] = replace(release, number=number)
        return self._rows[release.id]

    async def get(self, release_id: UUID) -> Release:
        return self._rows[release_id]

    async def numbered(self, application_id: UUID, number: int) -> Release:
        for each in self._rows.values():
            if (each.application_id, each.number) == (application_id, number):
                return each
        raise ReleaseNotFound

    async def page(self, application_id: UUID, *, before: int | None, limit: int) -> Sequence[Release]:
        found = [each for each in self._rows.values() if each.application_id == application_id and (before is None or each.number < before)]
        return sorted(found, key=lambda each: each.number, reverse=True)[:limit]


class MemoryDeployments:
    def __init__(self) -> None:
        self._answered: dict[UUID, tuple[int, int]] = {}
        self._rows: dict[UUID, Deployment] = {}

    async def add(self, deployment: Deployment) -> None:
        for each in self._rows.values():
            if (each.application_id, each.environment) == (deployment.application_id, deployment.environment) and each.is_running:
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
            if each.is_running and each.application == application_of(namespace) and (each.awaits.kind, each.awaits.name) == (kind, name):
                return deepcopy(each)
        return None

    async def running_of(self, application_id: UUID) -> Sequence[Deployment]:
        return deepcopy([each for each in self._rows.values() if each.application_id == application_id and each.is_running])

    async def stuck(self, since: datetime, limit: int) -> Sequence[Deployment]:
        found = [(each.reminder_at, each) for each in self._rows.values() if each.is_running and each.reminder_at and each.reminder_at < since]
        return deepcopy([each for _, each in sorted(found, key=lambda pair: pair[0])[:limit]])

    async def last_good(self, environment: Environment) -> Deployment | None:
        return self._last_good(environment, lambda each: True)

    async def last_good_before(self, environment: Environment, release: int) -> Deployment | None:
        return self._last_good(environment, lambda each: (each.release or 0) < release)

    def _last_good(self, environment: Environment, suits: Callable[[Deployment], bool]) -> Deployment | None:
        place = (environment.application_id, environment.name, Status.SUCCEEDED)
        found = [
            each
            for each in self._rows.values()
            if (each.application_id, each.environment, each.status) == place and each.requested_at >= environment.created_at and suits(each)
        ]
        newest = max(found, key=lambda each: (each.finished_at, each.id), default=None)
        return replace(deepcopy(newest), steps=[]) if newest else None

    async def observed(self) -> Sequence[Deployment]:
        return deepcopy([each for each in self._rows.values() if each.status is Status.OBSERVING])

    async def answered(self, deployment_id: UUID, requests: int, errors: int) -> tuple[int, int]:
        before = self._answered.get(deployment_id, (0, 0))
        self._answered[deployment_id] = (before[0] + requests, before[1] + errors)
        return self._answered[deployment_id]

    async def latest(self, application_id: UUID) -> Sequence[Deployment]:
        newest: dict[str, Deployment] = {}
        for each in sorted(self._rows.values(), key=lambda each: each.id):
            if each.application_id == application_id:
                newest[each.environment] = each
        return deepcopy([newest[name] for name in sorted(newest)])

    async def page(self, application_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Deployment]:
        found = [each for each in self._rows.values() if each.application_id == application_id and (before is None or each.id < before)]
        return deepcopy(sorted(found, key=lambda each: each.id, reverse=True)[:limit])


class FixedBuilds:
    """The build template of `knative/base`, with a repository of images and a package mirror."""

    def settings(self) -> BuildSettings:
        environment = {"REPOSITORY_HOSTS": "", "BUILD_ENVIRONMENT": "PIP_INDEX_URL", "PIP_INDEX_URL": "https://m/"}
        return BuildSettings(build_template(), "capsule.local/apps", environment)


@cache
def build_template() -> dict[str, Any]:
    config_map = yaml.safe_load((ROOT / "knative/base/build-job.yaml").read_text())
    template: dict[str, Any] = yaml.safe_load(config_map["data"]["job.yaml"])
    return template
