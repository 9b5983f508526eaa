"""Users in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation

from functions.auth.domain.email import Email
from functions.auth.domain.user import Role, User
from functions.auth.ports import EmailTaken
from functions.kernel import Transient
from functions.runtime.storage.database import Database

COLUMNS = "id, email, password_hash, roles, email_verified_at, created_at, updated_at, version"
BY_ID = f"SELECT {COLUMNS} FROM users WHERE id = %s"
BY_EMAIL = f"SELECT {COLUMNS} FROM users WHERE email = %s"


class PostgresUsers:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, user: User) -> None:
        connection = self._database.connection
        try:
            async with connection.transaction():
                await connection.execute(
                    f"INSERT INTO users ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                    (
                        user.id,
                        user.email,
                        user.password_hash,
                        sorted(user.roles),
                        user.email_verified_at,
                        user.registered_at,
                        user.updated_at,
                        user.version,
                    ),
                )
        except UniqueViolation as error:
            if error.diag.constraint_name != "users_email_key":
                raise
            raise EmailTaken(user.email) from error

    async def get(self, user_id: UUID) -> User | None:
        return await self._one(BY_ID, user_id)

    async def get_by_email(self, email: Email) -> User | None:
        return await self._one(BY_EMAIL, email.address)

    async def list_verified_admins(self) -> Sequence[User]:
        statement = f"SELECT {COLUMNS} FROM users WHERE 'admin' = ANY (roles) AND email_verified_at IS NOT NULL ORDER BY id"
        return [_user(row) for row in await (await self._database.connection.execute(statement)).fetchall()]

    async def save(self, user: User) -> None:
        updated = await self._database.connection.execute(
            "UPDATE users SET password_hash = %s, roles = %s, email_verified_at = %s, updated_at = %s, version = version + 1"
            " WHERE id = %s AND version = %s",
            (user.password_hash, sorted(user.roles), user.email_verified_at, user.updated_at, user.id, user.version),
        )
        if updated.rowcount != 1:
            raise Transient(f"user {user.id} has changed since it was read")
        user.version += 1

    async def delete_unverified(self, registered_before: datetime, limit: int) -> Sequence[User]:
        cursor = await self._database.connection.execute(
            "DELETE FROM users WHERE id IN (SELECT id FROM users WHERE email_verified_at IS NULL AND created_at < %s"
            f" ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING {COLUMNS}",
            (registered_before, limit),
        )
        return [_user(row) for row in await cursor.fetchall()]

    async def rehash(self, user_id: UUID, former_hash: str, new_hash: str) -> None:
        await self._database.connection.execute(
            "UPDATE users SET password_hash = %s WHERE id = %s AND password_hash = %s", (new_hash, user_id, former_hash)
        )

    async def _one(self, statement: str, key: object) -> User | None:
        row = await (await self._database.connection.execute(statement, (key,))).fetchone()
        return None if row is None else _user(row)


def _user(row: Sequence[Any]) -> User:
    user_id, email, password_hash, roles, email_verified_at, registered_at, updated_at, version = row
    return User(user_id, email, password_hash, frozenset(map(Role, roles)), email_verified_at, registered_at, updated_at, version)
