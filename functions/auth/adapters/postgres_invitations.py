"""Invitations to teams in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import dict_row

from functions.auth.domain.email import Email
from functions.auth.domain.invitation import Invitation, hash_address
from functions.auth.domain.team_rejections import (
    AlreadyInvited,
)
from functions.auth.domain.tokens import RETENTION, OpaqueToken
from functions.kernel import Role
from functions.runtime.storage.database import Database

COLUMNS: LiteralString = "id, team_id, email, role, invited_by, token_hash, created_at, expires_at"


class PostgresInvitations:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, invitation: Invitation) -> None:
        inserted = await self._database.connection.execute(
            f"INSERT INTO team_invitations AS former ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (team_id, email) DO UPDATE"
            " SET (id, role, invited_by, token_hash, created_at, expires_at)"
            " = (EXCLUDED.id, EXCLUDED.role, EXCLUDED.invited_by, EXCLUDED.token_hash, EXCLUDED.created_at, EXCLUDED.expires_at)"
            " WHERE former.expires_at <= EXCLUDED.created_at",
            (
                invitation.id,
                invitation.team_id,
                invitation.email,
                invitation.role.value,
                invitation.invited_by,
                invitation.token_hash,
                invitation.created_at,
                invitation.expires_at,
            ),
        )
        if inserted.rowcount == 0:
            raise AlreadyInvited
        await self._database.connection.execute(
            "INSERT INTO sent_invitations (id, invited_by, address_hash, sent_at) VALUES (%s, %s, %s, %s)",
            (invitation.id, invitation.invited_by, invitation.address_hash, invitation.created_at),
        )

    async def get(self, invitation_id: UUID) -> Invitation | None:
        return await self._one(f"SELECT {COLUMNS} FROM team_invitations WHERE id = %s", invitation_id)

    async def lock(self, invitation_id: UUID) -> Invitation | None:
        return await self._one(f"SELECT {COLUMNS} FROM team_invitations WHERE id = %s FOR UPDATE", invitation_id)

    async def find_by_token(self, token: OpaqueToken) -> Invitation | None:
        return await self._one(f"SELECT {COLUMNS} FROM team_invitations WHERE token_hash = %s", token.hash)

    async def list_open(self, team_id: UUID, now: datetime) -> Sequence[Invitation]:
        return await self._many(f"SELECT {COLUMNS} FROM team_invitations WHERE team_id = %s AND expires_at > %s ORDER BY id DESC", team_id, now)

    async def count_by(self, user_id: UUID, since: datetime) -> int:
        return await self._count("SELECT count(*) FROM sent_invitations WHERE invited_by = %s AND sent_at > %s", user_id, since)

    async def count_to(self, email: Email, since: datetime) -> int:
        return await self._count("SELECT count(*) FROM sent_invitations WHERE address_hash = %s AND sent_at > %s", hash_address(email.address), since)

    async def delete(self, invitation_id: UUID) -> None:
        await self._database.connection.execute("DELETE FROM team_invitations WHERE id = %s", (invitation_id,))

    async def prune(self, now: datetime) -> int:
        await self._database.connection.execute("DELETE FROM sent_invitations WHERE sent_at < %s", (now - RETENTION,))
        deleted = await self._database.connection.execute("DELETE FROM team_invitations WHERE expires_at < %s", (now - RETENTION,))
        return deleted.rowcount

    async def _count(self, statement: LiteralString, *values: Any) -> int:
        row = await (await self._database.connection.execute(statement, values)).fetchone()
        return int(row[0]) if row else 0

    async def _one(self, statement: LiteralString, value: Any) -> Invitation | None:
        found = await self._many(statement, value)
        return found[0] if found else None

    async def _many(self, statement: LiteralString, *values: Any) -> list[Invitation]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(statement, values)
            return [Invitation(**row | {"role": Role(row["role"])}) for row in await cursor.fetchall()]
