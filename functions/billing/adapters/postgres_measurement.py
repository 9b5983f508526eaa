"""Whether usage is measured, in PostgreSQL."""

from datetime import datetime

from functions.runtime.storage.database import Database


class PostgresMeasurementState:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def set(self, missing_since: datetime | None, at: datetime) -> None:
        await self._database.connection.execute(
            "UPDATE measurement SET missing_since = %s, changed_at = %s WHERE changed_at < %s", (missing_since, at, at)
        )

    async def missing_since(self) -> datetime | None:
        cursor = await self._database.connection.execute("SELECT missing_since FROM measurement")
        row = await cursor.fetchone()
        return row[0] if row else None
