"""Deletion of what is stored about deleted users, over PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from functions.monitor.adapters.logs import LOCK_CLOSING
from functions.runtime.storage.database import Database

TABLES: tuple[LiteralString, ...] = (
    *(
        "hot_log_lines",
        "log_lines",
        "log_blocks",
        "request_windows",
        "request_minutes",
        "request_hours",
        "resource_windows",
        "resource_minutes",
        "resource_hours",
    ),
    *("markers", "alerts", "alert_rules", "alert_channels", "alert_deliveries", "disk_usage"),
)
"""Each has an index on `application_id`, except `disk_usage`, where it is the key, and `hot_log_lines`, which is small."""


class PostgresErasures:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, user_id: UUID, at: datetime) -> None:
        connection = self._database.connection
        await connection.execute("INSERT INTO deleted_users (user_id, deleted_at) VALUES (%s, %s) ON CONFLICT DO NOTHING", (user_id, at))
        await connection.execute("DELETE FROM addresses WHERE user_id = %s", (user_id,))

    async def list_between(self, since: datetime, until: datetime) -> Sequence[UUID]:
        rows = await self._database.connection.execute("SELECT user_id FROM deleted_users WHERE deleted_at BETWEEN %s AND %s", (since, until))
        return [row[0] for row in await rows.fetchall()]

    async def erase(self, application_id: UUID) -> None:
        await self._database.connection.execute(LOCK_CLOSING)  # lines that are being moved would be in neither table
        for table in TABLES:
            await self._database.connection.execute(f"DELETE FROM {table} WHERE application_id = %s", (application_id,))
        await self._database.connection.execute(
            "UPDATE applications SET name = '', created_at = NULL WHERE id = %s AND (name <> '' OR created_at IS NOT NULL)", (application_id,)
        )

    async def forget(self, before: datetime) -> int:
        return (await self._database.connection.execute("DELETE FROM deleted_users WHERE deleted_at < %s", (before,))).rowcount
