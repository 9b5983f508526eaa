"""API tokens in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from functions.auth.domain.api_token import MAX_TOKENS, ApiToken
from functions.auth.domain.rejections import (
    TokenNameTaken,
    TooManyTokens,
)
from functions.auth.domain.tokens import RETENTION, OpaqueToken
from functions.kernel import Events, Scope, new_id
from functions.runtime.reliability import revoked_sessions
from functions.runtime.storage.database import Database

BATCH_SIZE = 5_000
COLUMNS = """
    id, coalesce(user_id, service_account_id) AS user_id, name, scopes, token_hash, created_at, expires_at, last_used_at, revoked_at,
    service_account_id IS NOT NULL AS is_of_service_account, created_by
"""


class PostgresApiTokens:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, token: ApiToken) -> None:
        connection = self._database.connection
        table, holder = ("service_accounts", "service_account_id") if token.is_of_service_account else ("users", "user_id")
        await connection.execute(f"SELECT 1 FROM {table} WHERE id = %s FOR NO KEY UPDATE", (token.user_id,))  # one after another: they are counted
        counted = await connection.execute(f"SELECT count(*) FROM api_tokens WHERE {holder} = %s AND revoked_at IS NULL", (token.user_id,))
        if (row := await counted.fetchone()) is not None and row[0] >= MAX_TOKENS:
            command = "service-accounts tokens" if token.is_of_service_account else "tokens list"
            raise TooManyTokens(f"The account has {row[0]} API tokens, the most it may have. Revoke one that is not used: capsule {command}.")
        inserted = await connection.execute(
            f"INSERT INTO api_tokens (id, {holder}, name, scopes, token_hash, created_at, expires_at, last_used_at, revoked_at, created_by)"
            f" VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT ({holder}, name) WHERE revoked_at IS NULL DO NOTHING",
            (
                token.id,
                token.user_id,
                token.name,
                sorted(token.scopes),
                token.token_hash,
                token.created_at,
                token.expires_at,
                token.last_used_at,
                token.revoked_at,
                token.created_by,
            ),
        )
        if inserted.rowcount == 0:
            raise TokenNameTaken(f'The account has an API token "{token.name}". Choose another name, or revoke that token first.')

    async def lock(self, token_id: UUID) -> ApiToken | None:
        return await self._one("id = %s", token_id)

    async def lock_by_hash(self, token: OpaqueToken) -> ApiToken | None:
        return await self._one("token_hash = %s", token.hash)

    async def save(self, token: ApiToken) -> None:
        await self._database.connection.execute(
            "UPDATE api_tokens SET last_used_at = %s, revoked_at = %s WHERE id = %s", (token.last_used_at, token.revoked_at, token.id)
        )
        if token.revoked_at is not None:
            await revoked_sessions.add(self._database.connection, [token.id], token.revoked_at)

    async def list_for_user(self, user_id: UUID) -> Sequence[ApiToken]:
        holder = "(user_id = %s OR service_account_id = %s)"
        return await self._many(f"SELECT {COLUMNS} FROM api_tokens WHERE {holder} AND revoked_at IS NULL ORDER BY id DESC", user_id, user_id)

    async def refuse_all(self, user_id: UUID, now: datetime) -> Events:
        tokens = await self.list_for_user(user_id)
        await revoked_sessions.add(self._database.connection, [each.id for each in tokens], now)
        return tuple(event for each in tokens for event in each.refuse(now))

    async def replace_ids(self, service_account_id: UUID) -> Mapping[UUID, UUID]:
        ids = {token.id: new_id() for token in await self.list_for_user(service_account_id)}
        for former, new in ids.items():
            await self._database.connection.execute("UPDATE api_tokens SET id = %s WHERE id = %s", (new, former))
        return ids

    async def prune(self, now: datetime) -> int:
        deleted = await self._database.connection.execute(
            "DELETE FROM api_tokens WHERE id IN (SELECT id FROM api_tokens WHERE least(expires_at, revoked_at) < %s LIMIT %s FOR UPDATE SKIP LOCKED)",
            (now - RETENTION, BATCH_SIZE),
        )
        return deleted.rowcount

    async def _one(self, condition: str, value: Any) -> ApiToken | None:
        tokens = await self._many(f"SELECT {COLUMNS} FROM api_tokens WHERE {condition} FOR UPDATE", value)
        return tokens[0] if tokens else None

    async def _many(self, statement: str, *values: Any) -> list[ApiToken]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(statement, values)
            return [ApiToken(**row | {"scopes": frozenset(map(Scope, row["scopes"]))}) for row in await cursor.fetchall()]
