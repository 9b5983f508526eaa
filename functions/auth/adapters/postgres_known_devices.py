"""Known devices of users in PostgreSQL."""

from datetime import datetime
from uuid import UUID

from functions.auth.domain.user_agent import UserAgent
from functions.runtime.storage.database import Database


class PostgresKnownDevices:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, user_id: UUID, device: UserAgent, session_id: UUID, now: datetime) -> bool:
        connection = self._database.connection
        await connection.execute(
            "INSERT INTO known_devices (user_id, program, system, session_id, first_seen_at) SELECT id, %s, %s, %s, %s FROM users WHERE id = %s"
            " ON CONFLICT DO NOTHING",
            (device.program, device.system, session_id, now, user_id),
        )
        cursor = await connection.execute("SELECT program, system, session_id FROM known_devices WHERE user_id = %s", (user_id,))
        rows = await cursor.fetchall()
        return len(rows) > 1 and (device.program, device.system, session_id) in rows
