"""Applications in PostgreSQL. Constraint violations are translated into rejections."""

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg import errors
from psycopg.rows import dict_row

from functions.deploy.adapters.postgres_quotas import PostgresQuotas
from functions.deploy.domain.application import Application
from functions.deploy.domain.application_settings import ApplicationSettings
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import ApplicationNameTaken, ApplicationNotFound, ApplicationQuotaExceeded
from functions.kernel import ApplicationAccess, Transient
from functions.runtime.storage.database import Database

SETTINGS = tuple(each.name for each in fields(ApplicationSettings))
FIELDS = tuple(each.name for each in fields(Application) if each.name != "settings")
CHANGING = (
    *("name", "repository", "image", "status", "deleted_at", "config_version", "protected_environments", "transferred_from", "transferred_at"),
    *SETTINGS,
)
COLUMNS = ", ".join(("id", "user_id", "created_at", "version", *CHANGING))
UPDATES = ", ".join(f"{name} = %({name})s" for name in CHANGING)


class PostgresApplications:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, applications: Sequence[tuple[Application, Quota]]) -> None:
        added = [application for application, _ in applications]
        if await self._count_and_insert(added):
            return
        if len(applications) > 1:
            raise ApplicationQuotaExceeded
        [(application, default_quota)] = applications
        quotas = PostgresQuotas(self._database)
        await quotas.grant(default_quota)  # the user may be new: `quota.requested` has not arrived yet
        if await self._count_and_insert(added):
            return
        quota = await quotas.find(application.user_id) or default_quota
        raise ApplicationQuotaExceeded.of(quota.applications_used, quota.applications, quota.plan)

    async def _count_and_insert(self, applications: Sequence[Application]) -> bool:
        """One statement: counting up locks the rows of the quotas, so that concurrent requests cannot exceed them together. All or none are added."""
        rows = [_row(each) for each in applications]
        try:
            cursor = await self._database.connection.execute("SELECT add_applications(%s)", (orjson.dumps(rows).decode(),))
        except errors.UniqueViolation as violation:
            raise _name_taken(applications[0], violation) from violation
        return await cursor.fetchone() == (len(applications),)

    async def get(self, access: ApplicationAccess) -> Application:
        return (await self.get_any(access.application_id)).require_active_of(access.team_id)

    async def lock(self, access: ApplicationAccess) -> Application:
        return (await self.lock_any(access.application_id)).require_active_of(access.team_id)

    async def get_any(self, application_id: UUID) -> Application:
        return await self._one(f"SELECT {COLUMNS} FROM applications WHERE id = %s", application_id)

    async def lock_any(self, application_id: UUID) -> Application:
        return await self._one(f"SELECT {COLUMNS} FROM applications WHERE id = %s FOR UPDATE", application_id)

    async def find_ownership(self, application_id: UUID) -> tuple[UUID, Collection[str]] | None:
        cursor = await self._database.connection.execute("SELECT user_id, protected_environments FROM applications WHERE id = %s", (application_id,))
        row = await cursor.fetchone()
        return (row[0], row[1]) if row else None

    async def lock_all(self, user_id: UUID) -> Sequence[Application]:
        sql = f"SELECT {COLUMNS} FROM applications WHERE user_id = %s AND status = 'active' ORDER BY id FOR UPDATE"
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(sql, (user_id,))
            return [_read(row) for row in await cursor.fetchall()]

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

    async def transfer(self, application: Application, former_team_id: UUID) -> None:
        for step, team_id in ((-1, former_team_id), (1, application.user_id)):
            await self._database.connection.execute(
                "UPDATE quotas SET applications_used = applications_used + %s, version = version + 1 WHERE user_id = %s", (step, team_id)
            )
        await self._database.connection.execute("UPDATE applications SET user_id = %s WHERE id = %s", (application.user_id, application.id))
        await self.save(application)

    async def page(self, team_ids: Collection[UUID], *, before: UUID | None, limit: int) -> Sequence[Application]:
        """Reads at most `limit` rows of each team, in the order of an index, whatever other teams have."""
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                f"""
                SELECT {COLUMNS} FROM unnest(%(team_ids)s::uuid[]) AS team CROSS JOIN LATERAL (
                    SELECT {COLUMNS} FROM applications
                    WHERE user_id = team AND status = 'active' AND (%(before)s::uuid IS NULL OR id < %(before)s) ORDER BY id DESC LIMIT %(limit)s
                ) AS newest ORDER BY id DESC LIMIT %(limit)s
                """,
                {"team_ids": list(team_ids), "before": before, "limit": limit},
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
        tables = ("operations", "runs", "deployments", "releases", "config_entries", "environments", "repository_access", "storage_meters")
        for statement in (steps, *(f"DELETE FROM {table} WHERE application_id = ANY(%s)" for table in tables)):
            await connection.execute(statement, (ids,))
        await connection.execute("DELETE FROM applications WHERE id = ANY(%s)", (ids,))
        return len(ids)


def _name_taken(application: Application, violation: errors.UniqueViolation) -> Exception:
    return ApplicationNameTaken.of(application.name) if violation.diag.constraint_name == "applications_name" else violation


def _row(application: Application) -> dict[str, Any]:
    """Without copies of its values, which `dataclasses.asdict` makes at ten times the cost."""
    row = {name: getattr(application, name) for name in FIELDS}
    settings = {name: getattr(application.settings, name) for name in SETTINGS}
    return row | settings | {"protected_environments": list(application.protected_environments)}


def _read(row: dict[str, Any]) -> Application:
    settings = ApplicationSettings.of(**{name: row.pop(name) for name in SETTINGS})
    return Application(**row | {"protected_environments": tuple(row["protected_environments"])}, settings=settings)
