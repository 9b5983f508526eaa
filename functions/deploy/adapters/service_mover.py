"""Move data services between plans. A database keeps its name, its roles and its password, so that its URL stays.

Between the shared server and a dedicated one the database is copied by pg_dump while nobody can log in. One step decides which server applications
reach: whether the dedicated one serves. Before it the former place has the data, after it the new one, and each attempt looks there first.
"""

import asyncio
from urllib.parse import urlsplit

from functions.deploy.adapters import postgres_dumps
from functions.deploy.adapters.dedicated_provisioner import DedicatedPostgresProvisioner
from functions.deploy.adapters.postgres_backups import require_rows
from functions.deploy.adapters.redis_provisioner import RedisServiceProvisioner
from functions.deploy.adapters.service_backup_store import guarded
from functions.deploy.adapters.service_provisioner import PostgresServiceProvisioner
from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.service_plans import Plan, ServiceKind
from functions.deploy.ports import ServiceProvisioner, ServiceServerRefused
from functions.runtime.config.settings import Settings
from functions.runtime.storage.external_call import external_call

FULL_PERCENT = 90
"""Of the storage of the new plan: a service that has more does not fit."""


class ConfiguredServiceMover:
    def __init__(self, settings: Settings) -> None:
        self._shared, self._dedicated = PostgresServiceProvisioner(settings), DedicatedPostgresProvisioner(settings)
        self._redis = RedisServiceProvisioner(settings)

    @external_call
    async def move(self, service: DataService, plan: Plan, url: str) -> None:
        database, login, password = service.database, service.login(service.generation), urlsplit(url).password or ""
        former = service.limits
        if service.kind is ServiceKind.REDIS:
            await _require_room(self._redis, database, plan)
            await self._redis.create(database, plan)
            await self._redis.restart(database)
        elif former.is_dedicated and plan.is_dedicated:
            await _require_room(self._dedicated, database, plan)
            await self._dedicated.set_limits(database, plan)
            await self._dedicated.add_login(database, login, password, plan)
        elif plan.is_dedicated:
            await self._to_dedicated(database, plan, login, password)
        else:
            await self._to_shared(database, plan, login, password)

    async def _to_dedicated(self, database: str, plan: Plan, login: str, password: str) -> None:
        if not await self._dedicated.is_serving(database):
            await _require_room(self._shared, database, plan)
            try:
                await self._shared.set_open(database, False)
                await self._dedicated.delete(database)  # what an interrupted attempt has left
                await self._dedicated.create_closed(database, plan)
                await self._copy(self._shared, self._dedicated, database)
                await self._dedicated.add_login(database, login, password, plan)
            except BaseException:
                await self._shared.set_open(database, True)
                raise
            await self._dedicated.set_serving(database, True)
        await self._shared.delete(database)

    async def _to_shared(self, database: str, plan: Plan, login: str, password: str) -> None:
        if await self._dedicated.is_serving(database):
            await _require_room(self._dedicated, database, plan)
            try:
                await self._dedicated.set_open(database, False)
                await self._shared.delete(database)  # what an interrupted attempt has left
                await self._shared.create(database, plan)
                await self._copy(self._dedicated, self._shared, database)
                await self._shared.add_login(database, login, password, plan)
            except BaseException:
                await self._dedicated.set_open(database, True)
                raise
            await self._dedicated.set_serving(database, False)
        await self._dedicated.delete(database)

    async def _copy(self, source: PostgresServiceProvisioner, target: PostgresServiceProvisioner, database: str) -> None:
        """Copy what is in a database, and compare the number of rows of each table."""
        source_url, target_url = await source.server_url(database), await target.server_url(database)

        def copy() -> None:
            with postgres_dumps.counted_dump(source_url, database, database) as (chunks, rows):
                postgres_dumps.restore(target_url, database, database, chunks)
            require_rows(postgres_dumps.count_rows(target_url, database, database), rows)

        await asyncio.to_thread(guarded, copy)


async def _require_room(provisioner: ServiceProvisioner, database: str, plan: Plan) -> None:
    """Raises ServiceServerRefused."""
    size_mib = (await provisioner.usage(database)).size_bytes >> 20
    if size_mib * 100 > plan.storage_mib * FULL_PERCENT:
        raise ServiceServerRefused(
            f"it has {size_mib:,} MiB, and the plan {plan.name} has {plan.storage_mib:,} MiB, of which a tenth must be free. Delete data first."
        )
