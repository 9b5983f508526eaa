"""Users in PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation

from functions.auth.domain.email import Email
from functions.auth.domain.user import Role, User
from functions.auth.ports import EmailTaken
from functions.kernel import Transient
from functions.runtime.storage.database import Database

COLUMNS = (
    "id, email, password_hash, roles, email_verified_at, created_at, updated_at, version, name, deletes_at, suspended_at, suspension_reason,"
    " has_password, deletion_requested_at"
)
BY_ID = f"SELECT {COLUMNS} FROM users WHERE id = %s"
BY_IDS = f"SELECT {COLUMNS} FROM users WHERE id = ANY(%s)"
BY_EMAIL = f"SELECT {COLUMNS} FROM users WHERE email = %s"


class PostgresUsers:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, user: User) -> None:
        connection = self._database.connection
        async with self._unique_email(user):
            await connection.execute(
                f"INSERT INTO users ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    user.id,
                    user.email,
                    user.password_hash,
                    sorted(user.roles),
                    user.email_verified_at,
                    user.registered_at,
                    user.updated_at,
                    user.version,
                    user.name,
                    user.deletes_at,
                    user.suspended_at,
                    user.suspension_reason,
                    user.has_password,
                    user.deletion_requested_at,
                ),
            )

    async def get(self, user_id: UUID) -> User | None:
        row = await self._database.connection.select_row(BY_ID, (user_id,))
        return None if row is None else _user(row)

    async def list_by_id(self, user_ids: Sequence[UUID]) -> Sequence[User]:
        return [_user(row) for row in await self._database.connection.select_rows(BY_IDS, (list(user_ids),))]

    async def lock(self, user_id: UUID) -> User | None:
        return await self._one(f"{BY_ID} FOR UPDATE", user_id)

    async def get_by_email(self, email: Email) -> User | None:
        return await self._one(BY_EMAIL, email.address)

    async def lock_unchanged(self, user: User) -> None:
        cursor = await self._database.connection.execute("SELECT version FROM users WHERE id = %s FOR SHARE", (user.id,))
        if await cursor.fetchone() != (user.version,):
            raise Transient(f"user {user.id} has changed since it was read")

    async def list_verified_admins(self, *, lock: bool = False) -> Sequence[User]:
        statement = f"SELECT {COLUMNS} FROM users WHERE 'admin' = ANY (roles) AND email_verified_at IS NOT NULL ORDER BY id"
        cursor = await self._database.connection.execute(f"{statement} FOR UPDATE" if lock else statement)
        return [_user(row) for row in await cursor.fetchall()]

    async def list_page(self, text: str, *, is_suspended: bool | None, before: UUID | None, limit: int) -> Sequence[User]:
        cursor = await self._database.connection.execute(
            f"SELECT {COLUMNS} FROM users"
            " WHERE (%(text)s = '' OR position(lower(%(text)s) IN email) > 0 OR position(lower(%(text)s) IN lower(name)) > 0)"
            " AND (%(suspended)s::boolean IS NULL OR (suspended_at IS NOT NULL) = %(suspended)s)"
            " AND (%(before)s::uuid IS NULL OR id < %(before)s) ORDER BY id DESC LIMIT %(limit)s",
            {"text": text, "suspended": is_suspended, "before": before, "limit": limit},
        )
        return [_user(row) for row in await cursor.fetchall()]

    async def save(self, user: User) -> None:
        async with self._unique_email(user):
            updated = await self._database.connection.execute(
                "UPDATE users SET email = %s, password_hash = %s, roles = %s, email_verified_at = %s, updated_at = %s, name = %s, deletes_at = %s,"
                " suspended_at = %s, suspension_reason = %s, has_password = %s, deletion_requested_at = %s, version = version + 1"
                " WHERE id = %s AND version = %s",
                (
                    user.email,
                    user.password_hash,
                    sorted(user.roles),
                    user.email_verified_at,
                    user.updated_at,
                    user.name,
                    user.deletes_at,
                    user.suspended_at,
                    user.suspension_reason,
                    user.has_password,
                    user.deletion_requested_at,
                    user.id,
                    user.version,
                ),
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
        deleted = [_user(row) for row in await cursor.fetchall()]
        await self._delete_steps([user.id for user in deleted])
        return deleted

    async def list_due_deletions(self, now: datetime, limit: int) -> Sequence[User]:
        cursor = await self._database.connection.execute(
            f"SELECT {COLUMNS} FROM users WHERE deletes_at <= %s ORDER BY deletes_at LIMIT %s FOR UPDATE SKIP LOCKED", (now, limit)
        )
        return [_user(row) for row in await cursor.fetchall()]

    async def delete(self, user_id: UUID) -> None:
        await self._database.connection.execute("DELETE FROM users WHERE id = %s", (user_id,))
        await self._delete_steps([user_id])

    async def delete_if_unverified(self, user_id: UUID) -> bool:
        deleted = await self._database.connection.execute("DELETE FROM users WHERE id = %s AND email_verified_at IS NULL", (user_id,))
        if deleted.rowcount == 0:
            return False
        await self._delete_steps([user_id])
        return True

    async def _delete_steps(self, user_ids: Sequence[UUID]) -> None:
        """Steps of registrations have no foreign key: the table belongs to all sagas of the context."""
        await self._database.connection.execute("DELETE FROM saga_steps WHERE saga_id = ANY(%s)", (list(user_ids),))

    @asynccontextmanager
    async def _unique_email(self, user: User) -> AsyncIterator[None]:
        """Raises EmailTaken in a savepoint: the transaction stays usable."""
        try:
            async with self._database.connection.transaction():
                yield
        except UniqueViolation as error:
            if error.diag.constraint_name != "users_email_key":
                raise
            raise EmailTaken(user.email) from error

    async def rehash(self, user_id: UUID, former_hash: str, new_hash: str) -> None:
        await self._database.connection.execute(
            "UPDATE users SET password_hash = %s WHERE id = %s AND password_hash = %s", (new_hash, user_id, former_hash)
        )

    async def _one(self, statement: str, key: object) -> User | None:
        row = await (await self._database.connection.execute(statement, (key,))).fetchone()
        return None if row is None else _user(row)


def _user(row: Sequence[Any]) -> User:
    user_id, email, password_hash, roles, *rest = row
    return User(user_id, email, password_hash, frozenset(map(Role, roles)), *rest)
