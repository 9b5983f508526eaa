"""Passkeys and their challenges in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from functions.auth.domain.passkey import Passkey, PasskeyChallenge, Purpose
from functions.auth.domain.sign_in_rejections import (
    PasskeyTaken,
)
from functions.runtime.storage.database import Database

BATCH_SIZE = 5_000
COLUMNS = "id, user_id, credential_id, public_key, sign_count, is_synced, name, created_at, last_used_at"


class PostgresPasskeys:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, passkey: Passkey) -> None:
        each = passkey
        inserted = await self._database.connection.execute(
            f"INSERT INTO passkeys ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (credential_id) DO NOTHING",
            (
                each.id,
                each.user_id,
                each.credential_id,
                each.public_key,
                each.sign_count,
                each.is_synced,
                each.name,
                each.created_at,
                each.last_used_at,
            ),
        )
        if inserted.rowcount == 0:
            raise PasskeyTaken

    async def lock_by_credential(self, credential_id: bytes) -> Passkey | None:
        found = await self._many("WHERE credential_id = %s FOR UPDATE", credential_id)
        return found[0] if found else None

    async def list_for_user(self, user_id: UUID) -> Sequence[Passkey]:
        return await self._many("WHERE user_id = %s ORDER BY id", user_id)

    async def lock_for_user(self, user_id: UUID) -> Sequence[Passkey]:
        await self._database.connection.execute("SELECT 1 FROM users WHERE id = %s FOR NO KEY UPDATE", (user_id,))
        return await self.list_for_user(user_id)

    async def save(self, passkey: Passkey) -> None:
        await self._database.connection.execute(
            "UPDATE passkeys SET name = %s, sign_count = %s, last_used_at = %s WHERE id = %s",
            (passkey.name, passkey.sign_count, passkey.last_used_at, passkey.id),
        )

    async def delete(self, passkey_id: UUID) -> None:
        await self._database.connection.execute("DELETE FROM passkeys WHERE id = %s", (passkey_id,))

    async def _many(self, condition: str, value: Any) -> list[Passkey]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {COLUMNS} FROM passkeys {condition}", (value,))
            rows = await cursor.fetchall()
        return [Passkey(**row | {name: bytes(row[name]) for name in ("credential_id", "public_key")}) for row in rows]


class PostgresPasskeyChallenges:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, challenge: PasskeyChallenge) -> None:
        await self._database.connection.execute(
            "INSERT INTO passkey_challenges (id, purpose, user_id, challenge, expires_at) VALUES (%s, %s, %s, %s, %s)",
            (challenge.id, challenge.purpose, challenge.user_id, challenge.challenge, challenge.expires_at),
        )

    async def take(self, challenge_id: UUID) -> PasskeyChallenge | None:
        statement = "DELETE FROM passkey_challenges WHERE id = %s RETURNING id, purpose, user_id, challenge, expires_at"
        row = await (await self._database.connection.execute(statement, (challenge_id,))).fetchone()
        return None if row is None else PasskeyChallenge(row[0], Purpose(row[1]), row[2], bytes(row[3]), row[4])

    async def prune(self, now: datetime) -> int:
        deleted = await self._database.connection.execute(
            "DELETE FROM passkey_challenges WHERE id IN (SELECT id FROM passkey_challenges WHERE expires_at < %s LIMIT %s FOR UPDATE SKIP LOCKED)",
            (now, BATCH_SIZE),
        )
        return deleted.rowcount
