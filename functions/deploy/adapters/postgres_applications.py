"""Quotas and applications in PostgreSQL. Constraint violations are translated into rejections."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import errors
from psycopg.rows import dict_row

from functions.deploy.domain.application import Application
from functions.deploy.domain.application_settings import ApplicationSettings
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import ApplicationNameTaken, ApplicationNotFound, ApplicationQuotaExceeded, MemoryQuotaExceeded
from functions.kernel import Transient
from functions.runtime.storage.database import Database

SETTINGS = tuple(each.name for each in fields(ApplicationSettings))
OTHERS = ("id", "user_id", "name", "repository", "image", "created_at", "status", "deleted_at", "version", "config_version")
COLUMNS = ", ".join((*OTHERS, *SETTINGS))
UPDATES = ", ".join(f"{name} = %({name})s" for name in ("name", "repository", "image", "status", "deleted_at", "config_version", *SETTINGS))
INSERTED = ("name", "repository", "image", "created_at", *SETTINGS)
MEMORY_USED = """
    SELECT COALESCE(sum(reserved_memory_mib), 0)::int FROM environments JOIN applications a ON a.id = application_id WHERE a.user_id = %(user_id)s
"""
RESERVED_BEFORE = """
    COALESCE((SELECT reserved_memory_mib FROM environments WHERE application_id = %(application_id)s AND name = %(environment)s), 0)
"""


class PostgresQuotas:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def grant(self, quota: Quota) -> None:
        await self._database.connection.execute(
            "INSERT INTO quotas (user_id, applications, memory_mib, granted_at) VALUES (%s, %s, %s, %s) ON CONFLICT (user_id) DO NOTHING",
            (quota.user_id, quota.applications, quota.memory_mib, quota.granted_at),
        )

    async def set(self, quota: Quota) -> None:
        await self._database.connection.execute(
            """
            INSERT INTO quotas (user_id, applications, memory_mib, granted_at, is_suspended) VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (user_id) DO UPDATE SET applications = excluded.applications, memory_mib = excluded.memory_mib,
                granted_at = excluded.granted_at, is_suspended = excluded.is_suspended, version = quotas.version + 1
            WHERE quotas.deleted_at IS NULL
            """,
            (quota.user_id, quota.applications, quota.memory_mib, quota.granted_at, quota.is_suspended),
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

    async def find(self, user_id: UUID) -> Quota | None:
        cursor = await self._database.connection.execute(
            f"SELECT applications, memory_mib, granted_at, applications_used, ({MEMORY_USED}), is_suspended FROM quotas WHERE user_id = %(user_id)s",
            {"user_id": user_id},
        )
        row = await cursor.fetchone()
        return Quota(user_id, *row) if row else None

    async def reserve_memory(self, application: Application, environment: str, memory_mib: int, default_quota: Quota) -> None:
        """Locks the quota's row first: concurrent reservations cannot exceed it together."""
        await self.grant(default_quota)
        parameters = {
            "user_id": application.user_id,
            "application_id": application.id,
            "environment": environment,
            "mib": memory_mib,
            "at": application.created_at,
        }
        connection = self._database.connection
        row = await (await connection.execute("SELECT memory_mib FROM quotas WHERE user_id = %(user_id)s FOR UPDATE", parameters)).fetchone()
        assert row is not None, "it was granted above"
        cursor = await connection.execute(
            f"""
            INSERT INTO environments (application_id, name, created_at, reserved_memory_mib)
            SELECT %(application_id)s, %(environment)s, %(at)s, %(mib)s
            WHERE ({MEMORY_USED}) + %(mib)s - {RESERVED_BEFORE} <= %(limit)s OR %(mib)s <= {RESERVED_BEFORE}
            ON CONFLICT (application_id, name) DO UPDATE SET reserved_memory_mib = excluded.reserved_memory_mib
            """,
            {**parameters, "limit": row[0]},
        )
        if cursor.rowcount != 1:
            raise MemoryQuotaExceeded.of(row[0], environment, memory_mib)

    async def release_memory(self, application_id: UUID, environment: str | None = None) -> None:
        await self._database.connection.execute(
            "UPDATE environments SET reserved_memory_mib = 0 WHERE application_id = %(id)s AND (%(name)s::text IS NULL OR name = %(name)s)",
            {"id": application_id, "name": environment},
        )

    async def release_application(self, user_id: UUID) -> None:
        await self._database.connection.execute(
            "UPDATE quotas SET applications_used = applications_used - 1, version = version + 1 WHERE user_id = %s", (user_id,)
        )


class PostgresApplications:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, application: Application, default_quota: Quota) -> None:
        if await self._count_and_insert(application):
            return
        quotas = PostgresQuotas(self._database)
        await quotas.grant(default_quota)  # the user may be new: `quota.requested` has not arrived yet
        if await self._count_and_insert(application):
            return
        quota = await quotas.find(application.user_id) or default_quota
        raise ApplicationQuotaExceeded.of(quota.applications)

    async def _count_and_insert(self, application: Application) -> bool:
        """One statement: counting up locks the quota's row, so that concurrent requests cannot exceed it together."""
        try:
            cursor = await self._database.connection.execute(
                f"""
                WITH counted AS (
                    UPDATE quotas SET applications_used = applications_used + 1, version = version + 1
                    WHERE user_id = %(user_id)s AND applications_used < applications RETURNING user_id
                )
                INSERT INTO applications (id, user_id, {", ".join(INSERTED)})
                SELECT %(id)s, user_id, {", ".join(f"%({name})s" for name in INSERTED)} FROM counted
                """,
                _row(application),
            )
        except errors.UniqueViolation as violation:
            raise _name_taken(application, violation) from violation
        return cursor.rowcount == 1

    async def get(self, application_id: UUID) -> Application:
        return await self._one(f"SELECT {COLUMNS} FROM applications WHERE id = %s", application_id)

    async def lock(self, application_id: UUID) -> Application:
        return await self._one(f"SELECT {COLUMNS} FROM applications WHERE id = %s FOR UPDATE", application_id)

    async def get_owned(self, application_id: UUID, user_id: UUID) -> Application:
        return (await self.get(application_id)).owned_by(user_id)

    async def lock_owned(self, application_id: UUID, user_id: UUID) -> Application:
        return (await self.lock(application_id)).owned_by(user_id)

    async def _one(self, sql: str, application_id: UUID) -> Application:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(sql, (application_id,))
            row = await cursor.fetchone()
        if row is None:
            raise ApplicationNotFound.of(application_id)
        return _read(row)

    async def save(self, application: Application) -> None:
        try:
            cursor = await self._database.connection.execute(
                f"UPDATE applications SET {UPDATES}, version = version + 1 WHERE id = %(id)s AND version = %(version)s", _row(application)
            )
        except errors.UniqueViolation as violation:
            raise _name_taken(application, violation) from violation
        if cursor.rowcount != 1:
            raise Transient(f"application {application.id} has changed since it was read")
        application.version += 1

    async def page(self, user_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Application]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                f"""
                SELECT {COLUMNS} FROM applications
                WHERE user_id = %(user_id)s AND status = 'active' AND (%(before)s::uuid IS NULL OR id < %(before)s)
                ORDER BY id DESC LIMIT %(limit)s
                """,
                {"user_id": user_id, "before": before, "limit": limit},
            )
            return [_read(row) for row in await cursor.fetchall()]

    async def erase_deleted(self, before: datetime, limit: int) -> int:
        connection = self._database.connection
        rows = await connection.execute(
            "SELECT id FROM applications WHERE status = 'deleted' AND deleted_at < %s ORDER BY deleted_at LIMIT %s FOR UPDATE SKIP LOCKED",
            (before, limit),
        )
        ids = [row[0] for row in await rows.fetchall()]
        if not ids:
            return 0
        steps = "DELETE FROM saga_steps WHERE saga_id IN (SELECT id FROM deployments WHERE application_id = ANY(%s))"
        tables = ("runs", "deployments", "releases", "config_entries", "environments", "repository_access")
        for statement in (steps, *(f"DELETE FROM {table} WHERE application_id = ANY(%s)" for table in tables)):
            await connection.execute(statement, (ids,))
        await connection.execute("DELETE FROM applications WHERE id = ANY(%s)", (ids,))
        return len(ids)


def _name_taken(application: Application, violation: errors.UniqueViolation) -> Exception:
    return ApplicationNameTaken.of(application.name) if violation.diag.constraint_name == "applications_name" else violation


def _row(application: Application) -> dict[str, Any]:
    row = asdict(application)
    settings: dict[str, Any] = row.pop("settings")
    return row | settings


def _read(row: dict[str, Any]) -> Application:
    settings = ApplicationSettings.of(**{name: row.pop(name) for name in SETTINGS})
    return Application(**row, settings=settings)
