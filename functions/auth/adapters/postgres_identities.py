"""Identities and sign-ins with providers in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from functions.auth.domain.identity import Identity, ProviderClaims
from functions.auth.domain.provider_login import ProviderLogin, Status
from functions.auth.domain.sign_in_rejections import (
    IdentityTaken,
)
from functions.auth.domain.tokens import OpaqueToken
from functions.runtime.storage.database import Database

BATCH_SIZE = 5_000
COLUMNS = "id, user_id, provider, issuer, subject, email, linked_at, last_used_at"
LOGIN_COLUMNS = "id, token_hash, provider, user_id, created_at, expires_at, status, sealed_code, claims, failure"


class PostgresIdentities:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, identity: Identity) -> None:
        each = identity
        inserted = await self._database.connection.execute(
            f"INSERT INTO identities ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (issuer, subject) DO NOTHING",
            (each.id, each.user_id, each.provider, each.issuer, each.subject, each.email, each.linked_at, each.last_used_at),
        )
        if inserted.rowcount == 0:
            raise IdentityTaken

    async def lock_by_subject(self, issuer: str, subject: str) -> Identity | None:
        found = await self._many("WHERE issuer = %s AND subject = %s FOR UPDATE", issuer, subject)
        return found[0] if found else None

    async def list_for_user(self, user_id: UUID) -> Sequence[Identity]:
        return await self._many("WHERE user_id = %s ORDER BY id", user_id)

    async def lock_for_user(self, user_id: UUID) -> Sequence[Identity]:
        await self._database.connection.execute("SELECT 1 FROM users WHERE id = %s FOR NO KEY UPDATE", (user_id,))
        return await self.list_for_user(user_id)

    async def save(self, identity: Identity) -> None:
        await self._database.connection.execute("UPDATE identities SET last_used_at = %s WHERE id = %s", (identity.last_used_at, identity.id))

    async def delete(self, identity_id: UUID) -> None:
        await self._database.connection.execute("DELETE FROM identities WHERE id = %s", (identity_id,))

    async def _many(self, condition: str, *values: Any) -> list[Identity]:
        async with self._database.connection.cursor(row_factory=class_row(Identity)) as cursor:
            await cursor.execute(f"SELECT {COLUMNS} FROM identities {condition}", values)
            return await cursor.fetchall()


class PostgresProviderLogins:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, login: ProviderLogin) -> None:
        await self._database.connection.execute(
            "INSERT INTO provider_logins (id, token_hash, provider, user_id, created_at, expires_at, status) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (login.id, login.token_hash, login.provider, login.user_id, login.created_at, login.expires_at, login.status),
        )

    async def get(self, login_id: UUID) -> ProviderLogin | None:
        return await self._one("id = %s", login_id)

    async def lock(self, login_id: UUID) -> ProviderLogin | None:
        return await self._one("id = %s FOR UPDATE", login_id)

    async def lock_by_token(self, token: OpaqueToken) -> ProviderLogin | None:
        return await self._one("token_hash = %s FOR UPDATE", token.hash)

    async def save(self, login: ProviderLogin) -> None:
        claims = Jsonb(login.claims.model_dump()) if login.claims else None
        await self._database.connection.execute(
            "UPDATE provider_logins SET status = %s, sealed_code = %s, claims = %s, failure = %s WHERE id = %s",
            (login.status, login.sealed_code, claims, login.failure, login.id),
        )

    async def prune(self, now: datetime) -> int:
        deleted = await self._database.connection.execute(
            "DELETE FROM provider_logins WHERE id IN (SELECT id FROM provider_logins WHERE expires_at < %s LIMIT %s FOR UPDATE SKIP LOCKED)",
            (now, BATCH_SIZE),
        )
        return deleted.rowcount

    async def _one(self, condition: str, value: Any) -> ProviderLogin | None:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {LOGIN_COLUMNS} FROM provider_logins WHERE {condition}", (value,))
            row = await cursor.fetchone()
        if row is None:
            return None
        claims = ProviderClaims.model_validate(row["claims"]) if row["claims"] else None
        return ProviderLogin(**row | {"status": Status(row["status"]), "claims": claims})
