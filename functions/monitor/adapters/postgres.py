"""Whose applications are, the use that waits for an owner, and what happened to applications, over PostgreSQL."""

from collections.abc import Awaitable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import orjson
from psycopg.rows import class_row

from functions.kernel import ApplicationAccess
from functions.monitor.domain.applications import Application
from functions.monitor.domain.markers import Marker, MarkerKind
from functions.monitor.domain.rejections import ApplicationNotFound
from functions.monitor.domain.usage import MeasuredUse
from functions.runtime.storage.database import Database

OWNERSHIP = 2
"""First key of the advisory locks on an application's owner; 1 is the intake of logs."""

APPLICATION = "id, user_id, name, deleted_at, created_at"
BATCH_SIZE = 10_000


class PostgresApplications:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, access: ApplicationAccess) -> Application:
        application = await self.find(access.application_id)
        if application is None:
            raise ApplicationNotFound
        return application

    async def find(self, application_id: UUID) -> Application | None:
        async with self._database.connection.cursor(row_factory=class_row(Application)) as cursor:
            await cursor.execute(f"SELECT {APPLICATION} FROM applications WHERE id = %s", (application_id,))
            return await cursor.fetchone()

    async def find_many(self, application_ids: Collection[UUID]) -> Mapping[UUID, Application]:
        if not application_ids:
            return {}
        async with self._database.connection.cursor(row_factory=class_row(Application)) as cursor:
            await cursor.execute(f"SELECT {APPLICATION} FROM applications WHERE id = ANY(%s)", (list(application_ids),))
            return {application.id: application for application in await cursor.fetchall()}

    async def lock(self, application_ids: Collection[UUID]) -> None:
        """Always in the same order, so that two holders of several cannot wait for each other. Two whose hash is the same wait in vain.

        Sent with the next statement, which has a snapshot of its own.
        """
        self._database.connection.queue("SELECT lock_applications(%s, %s::uuid[])", (OWNERSHIP, _uuid_array(application_ids)))

    async def of_teams(self, team_ids: Collection[UUID]) -> Sequence[Application]:
        async with self._database.connection.cursor(row_factory=class_row(Application)) as cursor:
            await cursor.execute(f"SELECT {APPLICATION} FROM applications WHERE user_id = ANY(%s)", (list(team_ids),))
            return await cursor.fetchall()

    async def lock_known(self, application_ids: Collection[UUID]) -> Mapping[UUID, Application]:
        known = await self.find_many(application_ids)
        unknown = set(application_ids) - known.keys()
        if not unknown:
            return known
        await self.lock(unknown)
        return await self.find_many(application_ids)  # it may have become known while this waited

    async def keep(self, applications: Collection[Application]) -> None:
        """Sent with the next statement: the conflict target leaves nothing that could fail."""
        rows = [
            {"id": each.id, "user_id": each.user_id, "name": each.name, "deleted_at": each.deleted_at, "created_at": each.created_at}
            for each in applications
        ]
        self._database.connection.queue("SELECT keep_applications(%s)", (orjson.dumps(rows).decode(),))

    async def transfer(self, application: Application, at: datetime) -> None:
        await self._database.connection.execute(
            """
            INSERT INTO applications AS known (id, user_id, name, transferred_at) VALUES (%s, %s, %s, %s)
            ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, transferred_at = excluded.transferred_at,
                name = CASE known.name WHEN '' THEN excluded.name ELSE known.name END
            WHERE known.transferred_at IS NULL OR known.transferred_at <= excluded.transferred_at
            """,
            (application.id, application.user_id, application.name, at),
        )

    async def rename(self, application: Application) -> None:
        await self._database.connection.execute(
            "INSERT INTO applications (id, user_id, name) VALUES (%s, %s, %s) ON CONFLICT (id) DO UPDATE SET name = excluded.name",
            (application.id, application.user_id, application.name),
        )

    async def record_environment(self, application_id: UUID, name: str, *, is_deleted: bool, at: datetime) -> None:
        await self._database.connection.execute(
            """
            INSERT INTO environments AS known (application_id, name, is_deleted, changed_at) VALUES (%s, %s, %s, %s)
            ON CONFLICT (application_id, name) DO UPDATE SET is_deleted = excluded.is_deleted, changed_at = excluded.changed_at
            WHERE known.changed_at <= excluded.changed_at
            """,
            (application_id, name, is_deleted, at),
        )

    async def deleted_environments(self, application_id: UUID) -> Collection[str]:
        rows = await self._database.connection.execute("SELECT name FROM environments WHERE application_id = %s AND is_deleted", (application_id,))
        return [str(name) for (name,) in await rows.fetchall()]

    async def environments(self, application_id: UUID) -> Collection[str]:
        rows = await self._database.connection.execute(
            """
            SELECT name FROM environments WHERE application_id = %(id)s
            UNION SELECT environment FROM markers WHERE application_id = %(id)s
            """,
            {"id": application_id},
        )
        return [str(name) for (name,) in await rows.fetchall()]

    async def forget_deleted(self, before: datetime) -> int:
        """Together with their rules."""
        rows = await self._database.connection.execute(
            """
            WITH gone AS (DELETE FROM applications WHERE deleted_at < %s RETURNING id),
            names AS (DELETE FROM environments USING gone WHERE application_id = gone.id),
            rules AS (DELETE FROM alert_rules USING gone WHERE application_id = gone.id),
            channels AS (DELETE FROM alert_channels USING gone WHERE application_id = gone.id),
            disks AS (DELETE FROM disk_usage USING gone WHERE application_id = gone.id)
            SELECT count(*) FROM gone
            """,
            (before,),
        )
        row = await rows.fetchone()
        return int(row[0]) if row else 0


class PostgresUnownedUsage:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, uses: Sequence[MeasuredUse]) -> None:
        if not uses:
            return
        async with self._database.connection.cursor() as cursor:
            await cursor.executemany(
                """
                INSERT INTO unowned_usage (id, application_id, environment, window_from, window_to, requests, cpu_milliseconds)
                VALUES (%s, %s, %s, %s, %s, %s, %s)
                """,
                [(use.id, use.application_id, use.environment, use.begin, use.end, use.requests, use.cpu_milliseconds) for use in uses],
            )

    def release(self, application_ids: Collection[UUID]) -> Awaitable[Sequence[MeasuredUse]]:
        connection = self._database.connection
        released = connection.queue_rare(
            "SELECT id, application_id, environment, window_from, window_to, requests, cpu_milliseconds FROM release_unowned_usage(%s::uuid[])",
            (_uuid_array(application_ids),),
        )

        async def read() -> Sequence[MeasuredUse]:
            return sorted((MeasuredUse(*row) for row in await connection.rows_of(released)), key=lambda use: use.begin)

        return read()

    async def forget(self, before: datetime) -> int:
        gone = await self._database.connection.execute(
            "DELETE FROM unowned_usage WHERE id IN (SELECT id FROM unowned_usage WHERE window_from < %s LIMIT %s)", (before, BATCH_SIZE)
        )
        return gone.rowcount


class PostgresMarkers:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, marker: Marker) -> None:
        await self._database.connection.execute(
            """
            INSERT INTO markers (deployment_id, kind, application_id, environment, at, release_id, reason) VALUES (%s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (deployment_id, kind) DO NOTHING
            """,
            (marker.deployment_id, marker.kind, marker.application_id, marker.environment, marker.at, marker.release_id, marker.reason),
        )

    async def between(self, application_id: UUID, environment: str | None, begin: datetime, end: datetime) -> Sequence[Marker]:
        rows = await self._database.connection.execute(
            """
            SELECT deployment_id, kind, application_id, environment, at, release_id, reason FROM markers
            WHERE application_id = %(application)s AND at >= %(begin)s AND at < %(end)s
              AND (%(environment)s::text IS NULL OR environment = %(environment)s) ORDER BY at
            """,
            {"application": application_id, "environment": environment, "begin": begin, "end": end},
        )
        return [Marker(deployment, MarkerKind(kind), *rest) for deployment, kind, *rest in await rows.fetchall()]

    async def forget(self, before: datetime) -> int:
        gone = await self._database.connection.execute(
            "DELETE FROM markers WHERE (deployment_id, kind) IN (SELECT deployment_id, kind FROM markers WHERE at < %s LIMIT %s)",
            (before, BATCH_SIZE),
        )
        return gone.rowcount


def _uuid_array(ids: Iterable[UUID]) -> str:
    """As text (PostgreSQL documentation, "Array Input and Output Syntax"): psycopg takes longer for each value of a list."""
    return f"{{{','.join(map(str, ids))}}}"
