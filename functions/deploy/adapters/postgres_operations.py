"""Operations of the cluster in PostgreSQL."""

from dataclasses import asdict
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import dict_row

from functions.deploy.domain.operation import Operation, OperationKind
from functions.kernel import OperationState
from functions.runtime.storage.database import Database

COLUMNS = "id, kind, application_id, application, environment, requested_at, state, attempts, error, finished_at, version"
VALUES = ", ".join(f"%({name})s" for name in COLUMNS.split(", "))
OF_OBJECT = "kind = %s AND application_id = %s AND environment IS NOT DISTINCT FROM %s"


class PostgresOperations:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, operation: Operation) -> None:
        await self._database.connection.execute(f"INSERT INTO operations ({COLUMNS}) VALUES ({VALUES})", asdict(operation))

    async def find(self, operation_id: UUID) -> Operation | None:
        return next(iter(await self._many("id = %s", operation_id)), None)

    async def find_last(self, kind: OperationKind, application_id: UUID, environment: str | None) -> Operation | None:
        return next(iter(await self._many(f"{OF_OBJECT} ORDER BY id DESC LIMIT 1", kind, application_id, environment)), None)

    async def lock_requested(self, kind: OperationKind, application_id: UUID, environment: str | None, requested_at: datetime) -> Operation | None:
        found = await self._many(f"{OF_OBJECT} AND requested_at = %s FOR UPDATE", kind, application_id, environment, requested_at)
        return next(iter(found), None)

    async def save(self, operation: Operation) -> None:
        await self._database.connection.execute(
            "UPDATE operations SET state = %(state)s, attempts = %(attempts)s, error = %(error)s, finished_at = %(finished_at)s,"
            " version = %(version)s WHERE id = %(id)s",
            asdict(operation),
        )

    async def delete_before(self, requested_before: datetime) -> None:
        await self._database.connection.execute("DELETE FROM operations WHERE requested_at < %s", (requested_before,))

    async def _many(self, condition: LiteralString, *values: object) -> list[Operation]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {COLUMNS} FROM operations WHERE {condition}", values)
            rows = await cursor.fetchall()
        return [Operation(**{**row, "kind": OperationKind(row["kind"]), "state": OperationState(row["state"])}) for row in rows]
