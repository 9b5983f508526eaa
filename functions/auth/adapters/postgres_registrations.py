"""Registrations in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from functions.auth.domain.registration import Registration, Stage
from functions.runtime.reliability.sagas import SagaRows
from functions.runtime.storage.database import Database

SELECT = "SELECT r.*, u.email FROM registrations r JOIN users u ON u.id = r.id"
INSERTED_COLUMNS = ("id", "status", "correlation_id", "started_at", "changed_at", "deadline_at", "reminder_at", "version")


class PostgresRegistrations:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = SagaRows(database, "registrations", ("failed_step", "reason", "detail"))

    async def add(self, registration: Registration) -> None:
        await self._database.connection.execute(
            f"INSERT INTO registrations ({', '.join(INSERTED_COLUMNS)}) VALUES ({', '.join(f'%({name})s' for name in INSERTED_COLUMNS)})",
            {name: getattr(registration, name) for name in INSERTED_COLUMNS},
        )
        await self._rows.save_inserted(registration)

    async def get(self, user_id: UUID) -> Registration | None:
        return await self._one(f"{SELECT} WHERE r.id = %s", user_id)

    async def lock(self, user_id: UUID) -> Registration | None:
        return await self._one(f"{SELECT} WHERE r.id = %s FOR UPDATE OF r", user_id)

    async def save(self, registration: Registration) -> None:
        await self._rows.save(registration)

    async def list_stuck(self, since: datetime, limit: int) -> Sequence[Registration]:
        return await self._many(f"{SELECT} WHERE r.finished_at IS NULL AND r.reminder_at < %s ORDER BY r.reminder_at LIMIT %s", since, limit)

    async def list_page(self, status: Stage | None, *, before: UUID | None, limit: int) -> Sequence[Registration]:
        condition = "r.status = %s" if status else "r.status <> %s"
        registrations = await self._many(
            f"{SELECT} WHERE {condition} AND (%s::uuid IS NULL OR r.id < %s) ORDER BY r.id DESC LIMIT %s",
            status or Stage.COMPLETED,
            before,
            before,
            limit,
        )
        return await self._rows.load_steps(registrations)

    async def _one(self, statement: str, user_id: UUID) -> Registration | None:
        registrations = await self._rows.load_steps(await self._many(statement, user_id))
        return registrations[0] if registrations else None

    async def _many(self, statement: str, *arguments: Any) -> list[Registration]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(statement, arguments)
            return [_registration(row) for row in await cursor.fetchall()]


def _registration(row: dict[str, Any]) -> Registration:
    row["status"], row["failed_step"] = Stage(row["status"]), Stage(row["failed_step"]) if row["failed_step"] else None
    return Registration(**row, stored_version=row["version"])
