"""Schedules in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import dict_row

from functions.deploy.domain.schedule import JOB_PREFIX, Overlap, Schedule
from functions.deploy.domain.workload_rejections import ScheduleNotFound
from functions.runtime.storage.database import Database

NAMES = (
    *("id", "application_id", "environment", "cron", "time_zone", "command", "overlap", "timeout_seconds"),
    *("created_at", "paused_at", "expected_at", "stop_seconds"),
)
COLUMNS = ", ".join(NAMES)
VALUES = ", ".join(f"%({name})s" for name in NAMES)
UPDATES = ", ".join(f"{name} = excluded.{name}" for name in NAMES[3:])


class PostgresSchedules:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, schedule: Schedule) -> None:
        await self._database.connection.execute(
            f"INSERT INTO schedules ({COLUMNS}) VALUES ({VALUES}) ON CONFLICT (id) DO UPDATE SET {UPDATES}", asdict(schedule)
        )

    async def get(self, application_id: UUID, schedule_id: UUID) -> Schedule:
        found = await self._many("application_id = %s AND id = %s", application_id, schedule_id)
        if not found:
            raise ScheduleNotFound.of(schedule_id)
        return found[0]

    async def find_by_cron_job(self, application: str, cron_job: str) -> Schedule | None:
        condition: LiteralString = (
            "application_id = (SELECT id FROM applications WHERE name = %s AND status = 'active') AND right(replace(id::text, '-', ''), 12) = %s"
        )
        return next(iter(await self._many(condition, application, cron_job.removeprefix(JOB_PREFIX))), None)

    async def lock(self, schedule_id: UUID) -> Schedule | None:
        return next(iter(await self._many("id = %s FOR UPDATE", schedule_id)), None)

    async def list_all(self, application_id: UUID, environment: str | None = None) -> Sequence[Schedule]:
        condition: LiteralString = "application_id = %s AND (%s::text IS NULL OR environment = %s) ORDER BY id"
        return await self._many(condition, application_id, environment, environment)

    async def lock_overdue(self, expected_before: datetime, limit: int) -> Sequence[Schedule]:
        return await self._many("expected_at < %s ORDER BY expected_at LIMIT %s FOR UPDATE SKIP LOCKED", expected_before, limit)

    async def delete(self, schedule_id: UUID) -> None:
        await self._database.connection.execute("DELETE FROM schedules WHERE id = %s", (schedule_id,))

    async def delete_of_environment(self, application_id: UUID, environment: str) -> None:
        await self._database.connection.execute("DELETE FROM schedules WHERE application_id = %s AND environment = %s", (application_id, environment))

    async def _many(self, condition: LiteralString, *values: object) -> list[Schedule]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {COLUMNS} FROM schedules WHERE {condition}", values)
            return [Schedule(**{**row, "overlap": Overlap(row["overlap"])}) for row in await cursor.fetchall()]
