"""Data services in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import errors
from psycopg.rows import dict_row

from functions.deploy.domain.data_service import OVERLAP, DataService, ServiceState
from functions.deploy.domain.data_service_rejections import DataServiceNameTaken, DataServiceNotFound
from functions.deploy.domain.service_plans import PLANS, ServiceKind
from functions.deploy.domain.turns import offset_of_turn
from functions.runtime.storage.database import Database

STORED = tuple(each.name for each in fields(DataService))
COLUMNS = ", ".join(STORED)
VALUES = ", ".join(f"%({name})s" for name in STORED)
UPDATES = ", ".join(f"{name} = %({name})s" for name in STORED if name not in ("id", "application_id", "name", "kind", "requested_at"))
IS_STORED: LiteralString = "kind <> 'external' AND state = 'ready'"


class PostgresDataServices:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, service: DataService) -> None:
        try:
            await self._database.connection.execute(f"INSERT INTO data_services ({COLUMNS}) VALUES ({VALUES})", asdict(service))
        except errors.UniqueViolation as violation:
            if violation.diag.constraint_name != "data_services_name":
                raise
            raise DataServiceNameTaken.of(service.name) from violation

    async def get(self, application_id: UUID, service_id: UUID) -> DataService:
        return await self._one(application_id, service_id, "")

    async def find(self, service_id: UUID) -> DataService | None:
        return next(iter(await self._many("id = %s", service_id)), None)

    async def lock(self, application_id: UUID, service_id: UUID) -> DataService:
        return await self._one(application_id, service_id, " FOR UPDATE")

    async def lock_any(self, service_id: UUID) -> DataService | None:
        return next(iter(await self._many("id = %s FOR UPDATE", service_id)), None)

    async def save(self, service: DataService) -> None:
        await self._database.connection.execute(f"UPDATE data_services SET {UPDATES} WHERE id = %(id)s", asdict(service))

    async def list_of(self, application_id: UUID) -> Sequence[DataService]:
        return await self._many("application_id = %s AND state <> 'purged' ORDER BY name", application_id)

    async def count_databases_of_account(self, user_id: UUID) -> int:
        query: LiteralString = (
            "SELECT count(*) FROM data_services JOIN applications ON applications.id = application_id"
            " WHERE user_id = %s AND kind = 'postgres' AND plan = ANY(%s) AND state <> 'purged'"
        )
        shared = [each.name for each in PLANS[ServiceKind.POSTGRES].values() if not each.is_dedicated]
        found = await (await self._database.connection.execute(query, (user_id, shared))).fetchone()
        return int(found[0]) if found else 0

    async def list_stored(self, limit: int, turn: int) -> Sequence[DataService]:
        counted = await (await self._database.connection.execute(f"SELECT count(*) FROM data_services WHERE {IS_STORED}")).fetchone()
        offset = offset_of_turn(counted[0] if counted else 0, limit, turn)
        return await self._many(f"{IS_STORED} ORDER BY id LIMIT %s OFFSET %s", limit, offset)

    async def list_due(self, before: datetime, limit: int) -> Sequence[DataService]:
        return await self._many(
            "state = 'purging' OR (state = 'deleted' AND purge_at < %s) OR (state = 'ready' AND former_generation IS NOT NULL AND rotated_at < %s)"
            " ORDER BY id LIMIT %s",
            before,
            before - OVERLAP,
            limit,
        )

    async def _one(self, application_id: UUID, service_id: UUID, locking: LiteralString) -> DataService:
        found = await self._many("id = %s AND application_id = %s AND state <> 'purged'" + locking, service_id, application_id)
        if not found:
            raise DataServiceNotFound.of(service_id)
        return found[0]

    async def _many(self, condition: LiteralString, *values: object) -> list[DataService]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {COLUMNS} FROM data_services WHERE {condition}", values)
            rows = await cursor.fetchall()
        return [data_service_of(row) for row in rows]


def data_service_of(row: dict[str, Any]) -> DataService:
    return DataService(**{**row, "kind": ServiceKind(row["kind"]), "state": ServiceState(row["state"])})
