"""Quotas and applications in PostgreSQL. Constraints decide; what they refuse is said in the domain's words."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from psycopg import errors
from psycopg.rows import dict_row

from functions.deploy.domain.application import Application, Quota
from functions.deploy.domain.rejections import ApplicationNameTaken, ApplicationNotFound, ApplicationQuotaExceeded, MemoryQuotaExceeded
from functions.kernel import Transient
from functions.runtime.storage.database import Database

COLUMNS = "id, user_id, name, repository, created_at, status, deleted_at, version, config_version, health_path, release_command, directory"

CHANGING = ", ".join(f"{name} = %({name})s" for name in ("status", "deleted_at", "config_version", "health_path", "release_command", "directory"))
MEMORY_USED = """
    SELECT COALESCE(sum(memory_taken_mib), 0)::int FROM environments JOIN applications a ON a.id = application_id WHERE a.user_id = %(user_id)s
"""
TAKEN_BEFORE = """
    COALESCE((SELECT memory_taken_mib FROM environments WHERE application_id = %(application_id)s AND name = %(environment)s), 0)
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
            INSERT INTO quotas (user_id, applications, memory_mib, granted_at) VALUES (%s, %s, %s, %s)
            ON CONFLICT (user_id) DO UPDATE SET applications = excluded.applications, memory_mib = excluded.memory_mib,
                granted_at = excluded.granted_at, version = quotas.version + 1
            """,
            (quota.user_id, quota.applications, quota.memory_mib, quota.granted_at),
        )

    async def find(self, user_id: UUID) -> Quota | None:
        cursor = await self._database.connection.execute(
            f"SELECT applications, memory_mib, granted_at, applications_used, ({MEMORY_USED}) FROM quotas WHERE user_id = %(user_id)s",
            {"user_id": user_id},
        )
        row = await cursor.fetchone()
        return Quota(user_id, *row) if row else None

    async def take_memory(self, application: Application, environment: str, mib: int, otherwise: Quota) -> None:
        """The quota's row is locked first, so that two at once cannot both take the last of it."""
        await self.grant(otherwise)
        said = {
            "user_id": application.user_id,
            "application_id": application.id,
            "environment": environment,
            "mib": mib,
            "at": application.created_at,
        }
        connection = self._database.connection
        row = await (await connection.execute("SELECT memory_mib FROM quotas WHERE user_id = %(user_id)s FOR UPDATE", said)).fetchone()
        assert row is not None, "it was granted a moment ago"
        cursor = await connection.execute(
            f"""
            INSERT INTO environments (application_id, name, created_at, memory_taken_mib)
            SELECT %(application_id)s, %(environment)s, %(at)s, %(mib)s
            WHERE ({MEMORY_USED}) + %(mib)s - {TAKEN_BEFORE} <= %(limit)s OR %(mib)s <= {TAKEN_BEFORE}
            ON CONFLICT (application_id, name) DO UPDATE SET memory_taken_mib = excluded.memory_taken_mib
            """,
            {**said, "limit": row[0]},
        )
        if cursor.rowcount != 1:
            raise MemoryQuotaExceeded(
                f"Your quota is {row[0]} MiB over all environments, and {environment} would take {mib} MiB with all its instances; "
                "scale something down or change your plan."
            )

    async def give_memory_back(self, application_id: UUID, environment: str | None = None) -> None:
        await self._database.connection.execute(
            "UPDATE environments SET memory_taken_mib = 0 WHERE application_id = %(id)s AND (%(name)s::text IS NULL OR name = %(name)s)",
            {"id": application_id, "name": environment},
        )

    async def give_back(self, user_id: UUID) -> None:
        await self._database.connection.execute(
            "UPDATE quotas SET applications_used = applications_used - 1, version = version + 1 WHERE user_id = %s", (user_id,)
        )


class PostgresApplications:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, application: Application, otherwise: Quota) -> None:
        if await self._take_and_insert(application):
            return
        quotas = PostgresQuotas(self._database)
        await quotas.grant(otherwise)  # the user may be new: `user.created` comes when it comes
        if await self._take_and_insert(application):
            return
        granted = await quotas.find(application.user_id)
        limit = (granted or otherwise).applications
        raise ApplicationQuotaExceeded(f"You have {limit} applications, as many as your quota allows; delete one or change your plan.")

    async def _take_and_insert(self, application: Application) -> bool:
        """One statement: the quota's row is locked by being counted up, so that two at once cannot both take the last place."""
        try:
            cursor = await self._database.connection.execute(
                """
                WITH taken AS (
                    UPDATE quotas SET applications_used = applications_used + 1, version = version + 1
                    WHERE user_id = %(user_id)s AND applications_used < applications RETURNING user_id
                )
                INSERT INTO applications (id, user_id, name, repository, created_at)
                SELECT %(id)s, user_id, %(name)s, %(repository)s, %(created_at)s FROM taken
                """,
                {
                    "id": application.id,
                    "user_id": application.user_id,
                    "name": application.name,
                    "repository": application.repository,
                    "created_at": application.created_at,
                },
            )
        except errors.UniqueViolation as taken:
            if taken.diag.constraint_name != "applications_name":
                raise
            raise ApplicationNameTaken(f"There is an application named {application.name!r} already; names are shared by all users.") from taken
        return cursor.rowcount == 1

    async def get(self, application_id: UUID) -> Application:
        return await self._one(f"SELECT {COLUMNS} FROM applications WHERE id = %s", application_id)

    async def locked(self, application_id: UUID) -> Application:
        return await self._one(f"SELECT {COLUMNS} FROM applications WHERE id = %s FOR UPDATE", application_id)

    async def _one(self, sql: str, application_id: UUID) -> Application:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(sql, (application_id,))
            row = await cursor.fetchone()
        if row is None:
            raise ApplicationNotFound
        return _application(row)

    async def save(self, application: Application) -> None:
        cursor = await self._database.connection.execute(
            f"UPDATE applications SET {CHANGING}, version = version + 1 WHERE id = %(id)s AND version = %(version)s", asdict(application)
        )
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
            return [_application(row) for row in await cursor.fetchall()]


def _application(row: dict[str, Any]) -> Application:
    return Application(**row)
