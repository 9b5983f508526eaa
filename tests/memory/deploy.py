"""In-memory adapters of the deploy context. They pass the same contract suites as the real adapters.

Rows are copied in and out: unsaved changes are lost, and a stale row is detected.
"""

from collections.abc import Collection, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml

from functions.deploy.domain.application import ACTIVE, DELETED, Application
from functions.deploy.domain.configuration import Change, Entry
from functions.deploy.domain.environment import DEFAULT_ENVIRONMENTS, Environment
from functions.deploy.domain.network_policies import Egress
from functions.deploy.domain.quota import ExhaustedMeter, Quota
from functions.deploy.domain.rejections import (
    ApplicationNameTaken,
    ApplicationNotFound,
    ApplicationQuotaExceeded,
    EnvironmentNameTaken,
    EnvironmentNotFound,
    MemoryQuotaExceeded,
)
from functions.deploy.domain.repository_access import RepositoryAccess
from functions.deploy.domain.standing import Standing
from functions.deploy.ports import BuildSettings
from functions.kernel import ApplicationAccess, Rejection, Transient

ROOT = Path(__file__).parents[2]


class MemoryQuotas:
    def __init__(self) -> None:
        self.granted: dict[UUID, Quota] = {}
        self.closed: set[UUID] = set()
        self._memory: dict[tuple[UUID, str], tuple[UUID, int]] = {}

    async def grant(self, quota: Quota) -> None:
        self.granted.setdefault(quota.user_id, quota)

    async def close(self, user_id: UUID, at: datetime) -> None:
        self.closed.add(user_id)
        before = self.granted.get(user_id) or Quota(user_id, 0, 0, at)
        self.granted[user_id] = replace(before, applications=0, memory_mib=0)

    async def set(self, quota: Quota) -> None:
        if quota.user_id in self.closed:
            return
        former = self.granted.setdefault(quota.user_id, quota)
        kept = {name: getattr(former, name) for name in ("applications_used", "exhausted", "renews_at", "standing")}
        self.granted[quota.user_id] = replace(quota, **kept)

    async def set_exhausted(self, user_id: UUID, exhausted: Sequence[ExhaustedMeter], renews_at: datetime) -> None:
        self.granted[user_id] = replace(self.granted[user_id], exhausted=tuple(exhausted), renews_at=renews_at)

    async def save_standing(self, user_id: UUID, standing: Standing) -> None:
        self.granted[user_id] = replace(self.granted[user_id], standing=standing)

    async def lock(self, user_id: UUID) -> Quota | None:
        return await self.find(user_id)

    async def lock_restricted(self, user_ids: Collection[UUID]) -> Sequence[Quota]:
        found = [quota for each in sorted(set(user_ids)) if (quota := await self.find(each)) is not None]
        return [quota for quota in found if quota.restriction is not None]

    async def lock_both(self, first: UUID, second: UUID) -> tuple[Quota | None, Quota | None]:
        return await self.find(first), await self.find(second)

    async def reserved_memory(self, application_id: UUID) -> int:
        return sum(mib for (application, _), (_, mib) in self._memory.items() if application == application_id)

    def transfer(self, application_id: UUID, former: UUID, owner: UUID) -> None:
        self._count(former, -1)
        self._count(owner, 1)
        self._memory |= {key: (owner, mib) for key, (_, mib) in self._memory.items() if key[0] == application_id}

    async def list_to_pause(self, due_before: datetime, limit: int) -> Sequence[UUID]:
        found = [
            (each.standing.pauses_at, each.user_id)
            for each in self.granted.values()
            if each.standing.pauses_at is not None and each.standing.pauses_at < due_before and not each.standing.is_paused
        ]
        return [user_id for _, user_id in sorted(found)][:limit]

    async def find(self, user_id: UUID) -> Quota | None:
        quota = self.granted.get(user_id)
        return replace(quota, memory_used_mib=self._memory_of(user_id)) if quota else None

    async def reserve_memory(self, application: Application, environment: str, memory_mib: int, default_quota: Quota) -> None:
        quota = self.granted.setdefault(application.user_id, default_quota)
        key = (application.id, environment)
        before = self._memory.get(key, (application.user_id, 0))[1]
        if memory_mib > before and self._memory_of(application.user_id) - before + memory_mib > quota.memory_mib:
            used = self._memory_of(application.user_id)
            raise MemoryQuotaExceeded.of(used, quota.memory_mib, quota.plan, environment, memory_mib, before)
        self._memory[key] = (application.user_id, memory_mib)

    async def release_memory(self, application_id: UUID, environment: str | None = None) -> None:
        for key in [key for key in self._memory if key[0] == application_id and environment in (None, key[1])]:
            del self._memory[key]

    def _memory_of(self, user_id: UUID) -> int:
        return sum(mib for owner, mib in self._memory.values() if owner == user_id)

    async def release_application(self, user_id: UUID) -> None:
        self._count(user_id, -1)

    def count_application(self, user_id: UUID, default_quota: Quota) -> None:
        quota = self.granted.setdefault(user_id, default_quota)
        if quota.applications_used >= quota.applications:
            raise ApplicationQuotaExceeded.of(quota.applications_used, quota.applications, quota.plan)
        self._count(user_id, 1)

    def _count(self, user_id: UUID, step: int) -> None:
        quota = self.granted[user_id]
        self.granted[user_id] = replace(quota, applications_used=quota.applications_used + step)


class MemoryApplications:
    def __init__(self, quotas: MemoryQuotas) -> None:
        self._quotas = quotas
        self._rows: dict[UUID, Application] = {}

    def ids_of(self, user_id: UUID) -> set[UUID]:
        return {id for id, each in self._rows.items() if each.user_id == user_id}

    async def add(self, applications: Sequence[tuple[Application, Quota]]) -> None:
        rows, granted = dict(self._rows), dict(self._quotas.granted)
        try:
            for application, default_quota in applications:
                self._add(application, default_quota)
        except Rejection:
            self._rows, self._quotas.granted = rows, granted
            raise

    def _add(self, application: Application, default_quota: Quota) -> None:
        if any(each.name == application.name and each.status != DELETED for each in self._rows.values()):
            raise ApplicationNameTaken.of(application.name)
        self._quotas.count_application(application.user_id, default_quota)
        self._rows[application.id] = deepcopy(application)

    async def get(self, access: ApplicationAccess) -> Application:
        return (await self.get_any(access.application_id)).require_active_of(access.team_id)

    async def lock(self, access: ApplicationAccess) -> Application:
        return await self.get(access)

    async def get_any(self, application_id: UUID) -> Application:
        if application_id not in self._rows:
            raise ApplicationNotFound.of(application_id)
        return deepcopy(self._rows[application_id])

    async def lock_any(self, application_id: UUID) -> Application:
        return await self.get_any(application_id)

    async def find_ownership(self, application_id: UUID) -> tuple[UUID, Collection[str]] | None:
        row = self._rows.get(application_id)
        return (row.user_id, row.protected_environments) if row else None

    async def lock_all(self, user_id: UUID) -> Sequence[Application]:
        rows = [each for each in self._rows.values() if each.user_id == user_id and each.status == ACTIVE]
        return deepcopy(sorted(rows, key=lambda each: each.id))

    async def save(self, application: Application) -> None:
        if self._rows[application.id].version != application.version:
            raise Transient("stale")
        others = [each for each in self._rows.values() if each.id != application.id and each.status != DELETED]
        if application.status != DELETED and any(each.name == application.name for each in others):
            raise ApplicationNameTaken.of(application.name)
        application.version += 1
        self._rows[application.id] = deepcopy(application)

    async def transfer(self, application: Application, former_team_id: UUID) -> None:
        self._quotas.transfer(application.id, former_team_id, application.user_id)
        await self.save(application)

    async def page(self, team_ids: Collection[UUID], *, before: UUID | None, limit: int) -> Sequence[Application]:
        rows = [each for each in self._rows.values() if each.user_id in team_ids and each.status == ACTIVE and (before is None or each.id < before)]
        return deepcopy(sorted(rows, key=lambda each: each.id, reverse=True)[:limit])

    async def erase_deleted(self, before: datetime, limit: int) -> int:
        expired = [each.id for each in self._rows.values() if each.status == DELETED and each.deleted_at and each.deleted_at < before][:limit]
        for application_id in expired:
            del self._rows[application_id]
        return len(expired)


class MemoryEnvironments:
    def __init__(self) -> None:
        self._rows: dict[tuple[UUID, str], Environment] = {}

    async def add(self, environment: Environment) -> None:
        key = (environment.application_id, environment.name)
        known = self._rows.get(key)
        if (known is None and environment.name in DEFAULT_ENVIRONMENTS) or (known is not None and known.deleted_at is None):
            raise EnvironmentNameTaken.of(environment.name)
        self._rows[key] = deepcopy(environment)

    async def get(self, application: Application, name: str) -> Environment:
        environments = await self.list_all(application)
        for each in environments:
            if each.name == name:
                return each
        raise EnvironmentNotFound.of(application.name, name, [each.name for each in environments])

    async def find(self, application_id: UUID, name: str) -> Environment | None:
        found = self._rows.get((application_id, name))
        return deepcopy(found) if found is not None and found.deleted_at is None else None

    async def save(self, environment: Environment) -> None:
        self._rows[environment.application_id, environment.name] = deepcopy(environment)

    async def list_all(self, application: Application) -> Sequence[Environment]:
        rows = {name: Environment(application.id, name, application.created_at) for name in DEFAULT_ENVIRONMENTS}
        rows |= {each.name: deepcopy(each) for each in self._rows.values() if each.application_id == application.id}
        return [each for _, each in sorted(rows.items()) if each.deleted_at is None]


class MemoryConfigurations:
    def __init__(self) -> None:
        self._rows: list[tuple[UUID, Entry, int | None]] = []

    async def at(self, application_id: UUID, version: int) -> Sequence[Entry]:
        rows = [
            entry for owner, entry, until in self._rows if owner == application_id and entry.version <= version and (until is None or until > version)
        ]
        return sorted(rows, key=lambda entry: (entry.scope, entry.name))

    async def change(self, application_id: UUID, scope: str, change: Change, version: int, at: datetime) -> None:
        names = {*change.variables, *change.secrets, *change.unset}
        self._rows = [
            (owner, entry, version if until is None and owner == application_id and entry.scope == scope and entry.name in names else until)
            for owner, entry, until in self._rows
        ]
        for name, value in change.variables.items():
            self._rows.append((application_id, Entry(scope, name, version, at, value=value), None))
        for name, sealed in change.secrets.items():
            entry = Entry(scope, name, version, at, sealed=sealed, service_id=change.service_id, service_kind=change.service_kind)
            self._rows.append((application_id, entry, None))

    async def replace_service_url(self, service_id: UUID, sealed: str) -> None:
        self._rows = [
            (owner, replace(entry, sealed=sealed) if entry.service_id == service_id else entry, until) for owner, entry, until in self._rows
        ]


class MemoryRepositoryAccesses:
    def __init__(self) -> None:
        self._rows: dict[UUID, RepositoryAccess] = {}

    async def get(self, application_id: UUID) -> RepositoryAccess:
        return deepcopy(self._rows.get(application_id)) or RepositoryAccess(application_id)

    async def save(self, access: RepositoryAccess) -> None:
        self._rows[access.application_id] = deepcopy(access)

    async def delete(self, application_id: UUID) -> None:
        self._rows.pop(application_id, None)


class PlainVault:
    """Marks sealed text without encrypting it."""

    def seal(self, secret: str) -> str:
        return f"sealed:{secret}"

    def open(self, sealed: str) -> str:
        return sealed.removeprefix("sealed:")


class FixedBuilds:
    """The build template of knative/base, with an image prefix and a package mirror."""

    def settings(self) -> BuildSettings:
        environment = {"REPOSITORY_HOSTS": "", "BUILD_ENVIRONMENT": "PIP_INDEX_URL", "PIP_INDEX_URL": "https://m/"}
        return BuildSettings(build_template(), "capsule.local/apps", environment)


class FixedNetworks:
    def __init__(self) -> None:
        self.found = Egress()

    async def egress(self) -> Egress:
        return self.found


@cache
def build_template() -> dict[str, Any]:
    config_map = yaml.safe_load((ROOT / "knative/overlays/local/build-job.yaml").read_text())
    template: dict[str, Any] = yaml.safe_load(config_map["data"]["job.yaml"])
    return template
