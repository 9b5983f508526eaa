"""What is known about the platform's collector, in PostgreSQL."""

from datetime import datetime

from functions.runtime.storage.database import Database


class PostgresCollection:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def record_report(self, at: datetime) -> bool:
        """Most reports read one row and write none."""
        cursor = await self._database.connection.execute(
            "SELECT 1 FROM collection WHERE missing_since IS NOT NULL OR reported_at < %s - interval '1 minute'", (at,)
        )
        if await cursor.fetchone() is None:
            return False
        changed = await self._database.connection.execute(
            """
            UPDATE collection SET reported_at = greatest(collection.reported_at, %s), missing_since = NULL
            FROM (SELECT missing_since FROM collection FOR UPDATE) AS former RETURNING former.missing_since IS NOT NULL
            """,
            (at,),
        )
        row = await changed.fetchone()
        return bool(row and row[0])

    async def mark_missing(self, before: datetime) -> datetime | None:
        cursor = await self._database.connection.execute(
            "UPDATE collection SET missing_since = reported_at WHERE missing_since IS NULL AND reported_at < %s RETURNING missing_since", (before,)
        )
        row = await cursor.fetchone()
        return row[0] if row else None

    async def missing_since(self) -> datetime | None:
        cursor = await self._database.connection.execute("SELECT missing_since FROM collection")
        row = await cursor.fetchone()
        return row[0] if row else None
