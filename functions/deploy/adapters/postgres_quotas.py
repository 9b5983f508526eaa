"""Quotas in PostgreSQL."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from functions.deploy.domain.application import Application
from functions.deploy.domain.quota import ExhaustedMeter, Quota
from functions.deploy.domain.rejections import MemoryQuotaExceeded
from functions.deploy.domain.standing import Restriction, Standing
from functions.deploy.domain.storage_amounts import StorageAmounts
from functions.runtime.storage.database import Database

MEMORY_USED = """
    SELECT COALESCE(sum(reserved_memory_mib), 0)::int FROM environments JOIN applications a ON a.id = application_id WHERE a.user_id = quotas.user_id
"""
STORAGE = tuple(each.name for each in fields(StorageAmounts))
VALUES = ", ".join(f"%({name})s" for name in STORAGE)
COLUMNS = f"""user_id, applications, memory_mib, granted_at, applications_used, ({MEMORY_USED}) AS memory_used_mib, is_suspended, plan, exhausted,
    renews_at, restriction, restricted_at, pauses_at, is_paused, {", ".join(STORAGE)}"""


class PostgresQuotas:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def grant(self, quota: Quota) -> None:
        await self._database.connection.execute(
            f"""
            INSERT INTO quotas (user_id, applications, memory_mib, granted_at, {", ".join(STORAGE)})
            VALUES (%(user_id)s, %(applications)s, %(memory_mib)s, %(granted_at)s, {VALUES}) ON CONFLICT (user_id) DO NOTHING
            """,
            _limits(quota),
        )

    async def set(self, quota: Quota) -> None:
        await self._database.connection.execute(
            f"""
            INSERT INTO quotas (user_id, applications, memory_mib, granted_at, is_suspended, plan, {", ".join(STORAGE)})
            VALUES (%(user_id)s, %(applications)s, %(memory_mib)s, %(granted_at)s, %(is_suspended)s, %(plan)s, {VALUES})
            ON CONFLICT (user_id) DO UPDATE SET applications = excluded.applications, memory_mib = excluded.memory_mib,
                granted_at = excluded.granted_at, is_suspended = excluded.is_suspended, plan = excluded.plan, version = quotas.version + 1,
                {", ".join(f"{name} = excluded.{name}" for name in STORAGE)}
            WHERE quotas.deleted_at IS NULL
            """,
            _limits(quota),
        )

    async def close(self, user_id: UUID, at: datetime) -> None:
        await self._database.connection.execute(
            """
            INSERT INTO quotas AS stored (user_id, applications, memory_mib, granted_at, deleted_at) VALUES (%(user)s, 0, 0, %(at)s, %(at)s)
            ON CONFLICT (user_id) DO UPDATE SET applications = 0, memory_mib = 0, deleted_at = coalesce(stored.deleted_at, excluded.deleted_at),
                version = stored.version + 1
            """,
            {"user": user_id, "at": at},
        )

    async def set_exhausted(self, user_id: UUID, exhausted: Sequence[ExhaustedMeter], renews_at: datetime) -> None:
        await self._database.connection.execute(
            "UPDATE quotas SET exhausted = %s, renews_at = %s, version = version + 1 WHERE user_id = %s",
            (Jsonb([asdict(each) for each in exhausted]), renews_at, user_id),
        )

    async def save_standing(self, user_id: UUID, standing: Standing) -> None:
        await self._database.connection.execute(
            """
            UPDATE quotas SET restriction = %(restriction)s, restricted_at = %(restricted_at)s, pauses_at = %(pauses_at)s,
                is_paused = %(is_paused)s, version = version + 1
            WHERE user_id = %(user_id)s
            """,
            {"user_id": user_id, **asdict(standing)},
        )

    async def find(self, user_id: UUID) -> Quota | None:
        return await self._read(user_id)

    async def lock(self, user_id: UUID) -> Quota | None:
        """Locks in a statement of its own, sent with the next one: that sees what the former holder of the lock has committed."""
        self._database.connection.queue("SELECT FROM quotas WHERE user_id = %s FOR UPDATE", (user_id,))
        return await self._read(user_id)

    async def lock_restricted(self, user_ids: Collection[UUID]) -> Sequence[Quota]:
        connection = self._database.connection
        restricted = connection.queue_rare("SELECT lock_restricted_quotas(%s::uuid[])", (f"{{{','.join(map(str, user_ids))}}}",))
        found = [await self._read(user_id) for (user_id,) in await connection.rows_of(restricted)]
        return [quota for quota in found if quota is not None]

    async def lock_both(self, first: UUID, second: UUID) -> tuple[Quota | None, Quota | None]:
        await self._database.connection.execute("SELECT FROM quotas WHERE user_id = ANY(%s) ORDER BY user_id FOR UPDATE", ([first, second],))
        return await self._read(first), await self._read(second)

    async def reserved_memory(self, application_id: UUID) -> int:
        cursor = await self._database.connection.execute(
            "SELECT coalesce(sum(reserved_memory_mib), 0)::int FROM environments WHERE application_id = %s", (application_id,)
        )
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def _read(self, user_id: UUID) -> Quota | None:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {COLUMNS} FROM quotas WHERE user_id = %(user_id)s", {"user_id": user_id})
            row = await cursor.fetchone()
        return _quota(row) if row else None

    async def list_to_pause(self, due_before: datetime, limit: int) -> Sequence[UUID]:
        cursor = await self._database.connection.execute(
            "SELECT user_id FROM quotas WHERE restriction IS NOT NULL AND NOT is_paused AND pauses_at < %s ORDER BY pauses_at LIMIT %s",
            (due_before, limit),
        )
        return [row[0] for row in await cursor.fetchall()]

    async def reserve_memory(self, application: Application, environment: str, memory_mib: int, default_quota: Quota) -> None:
        """Locks the quota's row first: concurrent reservations cannot exceed it together."""
        await self.grant(default_quota)
        quota = await self.lock(application.user_id)
        assert quota is not None, "it was granted above"
        connection, key = self._database.connection, (application.id, environment)
        cursor = await connection.execute("SELECT reserved_memory_mib FROM environments WHERE application_id = %s AND name = %s", key)
        row = await cursor.fetchone()
        reserved_mib = row[0] if row else 0
        if memory_mib > reserved_mib and quota.memory_used_mib - reserved_mib + memory_mib > quota.memory_mib:
            raise MemoryQuotaExceeded.of(quota.memory_used_mib, quota.memory_mib, quota.plan, environment, memory_mib, reserved_mib)
        await connection.execute(
            """
            INSERT INTO environments (application_id, name, created_at, reserved_memory_mib) VALUES (%s, %s, %s, %s)
            ON CONFLICT (application_id, name) DO UPDATE SET reserved_memory_mib = excluded.reserved_memory_mib
            """,
            (*key, application.created_at, memory_mib),
        )

    async def release_memory(self, application_id: UUID, environment: str | None = None) -> None:
        await self._database.connection.execute(
            "UPDATE environments SET reserved_memory_mib = 0 WHERE application_id = %(id)s AND (%(name)s::text IS NULL OR name = %(name)s)",
            {"id": application_id, "name": environment},
        )

    async def release_application(self, user_id: UUID) -> None:
        await self._database.connection.execute(
            "UPDATE quotas SET applications_used = applications_used - 1, version = version + 1 WHERE user_id = %s", (user_id,)
        )


def _limits(quota: Quota) -> dict[str, Any]:
    names = ("user_id", "applications", "memory_mib", "granted_at", "is_suspended", "plan")
    return {**{name: getattr(quota, name) for name in names}, **asdict(quota.storage)}


def _quota(row: dict[str, Any]) -> Quota:
    restriction = row.pop("restriction")
    standing = Standing(Restriction(restriction) if restriction else None, row.pop("restricted_at"), row.pop("pauses_at"), row.pop("is_paused"))
    exhausted = tuple(ExhaustedMeter(**each) for each in row.pop("exhausted"))
    storage = StorageAmounts(**{name: row.pop(name) for name in STORAGE})
    return Quota(**row, exhausted=exhausted, standing=standing, storage=storage)
