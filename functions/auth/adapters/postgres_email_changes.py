"""Changes of e-mail addresses in PostgreSQL."""

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from functions.auth.domain.email_change import EmailChange
from functions.auth.domain.tokens import RETENTION, OpaqueToken
from functions.runtime.storage.database import Database

COLUMNS: tuple[LiteralString, ...] = (
    *("user_id", "id", "email", "current_token_hash", "new_token_hash", "requested_at", "expires_at"),
    *("current_confirmed_at", "new_confirmed_at", "completed_at"),
)
SELECT: LiteralString = f"SELECT {', '.join(COLUMNS)} FROM email_changes"


class PostgresEmailChanges:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def replace(self, change: EmailChange) -> None:
        await self._database.connection.execute(
            f"INSERT INTO email_changes ({', '.join(COLUMNS)}) VALUES ({', '.join(f'%({name})s' for name in COLUMNS)})"
            f" ON CONFLICT (user_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in COLUMNS[1:])}",
            {name: getattr(change, name) for name in COLUMNS},
        )

    async def get(self, user_id: UUID) -> EmailChange | None:
        return await self._one(f"{SELECT} WHERE user_id = %(key)s", user_id)

    async def lock_by_token(self, token: OpaqueToken) -> EmailChange | None:
        return await self._one(f"{SELECT} WHERE current_token_hash = %(key)s OR new_token_hash = %(key)s FOR UPDATE", token.hash)

    async def save(self, change: EmailChange) -> None:
        await self._database.connection.execute(
            "UPDATE email_changes SET current_confirmed_at = %s, new_confirmed_at = %s, completed_at = %s WHERE id = %s",
            (change.current_confirmed_at, change.new_confirmed_at, change.completed_at, change.id),
        )

    async def delete(self, user_id: UUID) -> None:
        await self._database.connection.execute("DELETE FROM email_changes WHERE user_id = %s", (user_id,))

    async def prune(self, now: datetime) -> int:
        deleted = await self._database.connection.execute("DELETE FROM email_changes WHERE expires_at < %s", (now - RETENTION,))
        return deleted.rowcount

    async def _one(self, statement: LiteralString, key: object) -> EmailChange | None:
        async with self._database.connection.cursor(row_factory=class_row(EmailChange)) as cursor:
            await cursor.execute(statement, {"key": key})
            return await cursor.fetchone()
