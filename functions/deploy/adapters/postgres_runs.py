"""One-off commands in PostgreSQL."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from psycopg.rows import dict_row

from functions.deploy.domain.rejections import RunNotFound
from functions.deploy.domain.run import JOB_PREFIX, Run
from functions.runtime.storage.database import Database

COLUMNS = "id, application_id, environment, release_id, command, memory_mib, cpu_millis, requested_at, cancelled_at, finished_at, exit_code, detail"
VALUES = ", ".join(f"%({name})s" for name in COLUMNS.split(", "))


class PostgresRuns:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, run: Run) -> None:
        await self._database.connection.execute(f"INSERT INTO runs ({COLUMNS}) VALUES ({VALUES})", asdict(run))

    async def get(self, application_id: UUID, run_id: UUID) -> Run:
        return await self._one(application_id, run_id, "")

    async def lock(self, application_id: UUID, run_id: UUID) -> Run:
        return await self._one(application_id, run_id, "FOR UPDATE")

    async def save(self, run: Run) -> None:
        await self._database.connection.execute(
            "UPDATE runs SET cancelled_at = %(cancelled_at)s, finished_at = %(finished_at)s, exit_code = %(exit_code)s, detail = %(detail)s"
            " WHERE id = %(id)s",
            asdict(run),
        )

    async def count_active(self, application_id: UUID, since: datetime) -> int:
        cursor = await self._database.connection.execute(
            "SELECT count(*) FROM runs WHERE application_id = %s AND finished_at IS NULL AND requested_at >= %s", (application_id, since)
        )
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def find_active(self, application: str, job: str) -> Run | None:
        suffix = job.removeprefix(JOB_PREFIX)
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                f"""
                SELECT {COLUMNS} FROM runs
                WHERE application_id = (SELECT id FROM applications WHERE name = %s AND status = 'active')
                    AND finished_at IS NULL AND right(replace(id::text, '-', ''), 12) = %s
                """,
                (application, suffix),
            )
            row = await cursor.fetchone()
        return Run(**row) if row else None

    async def delete_before(self, requested_before: datetime) -> None:
        await self._database.connection.execute("DELETE FROM runs WHERE requested_at < %s", (requested_before,))

    async def _one(self, application_id: UUID, run_id: UUID, locking: str) -> Run:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {COLUMNS} FROM runs WHERE application_id = %s AND id = %s {locking}", (application_id, run_id))
            row = await cursor.fetchone()
        if row is None:
            raise RunNotFound.of(run_id)
        return Run(**row)
