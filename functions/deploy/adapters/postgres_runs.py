"""One-off commands in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import class_row, dict_row

from functions.deploy.domain.attach_ticket import LIFETIME, AttachTicket
from functions.deploy.domain.rejections import RunNotFound, TicketNotFound
from functions.deploy.domain.run import JOB_PREFIX, Run, RunStreams
from functions.runtime.storage.database import Database

COLUMNS = (
    "id, application_id, environment, release_id, command, memory_mib, cpu_millis, requested_at, cancelled_at, finished_at, exit_code, detail,"
    " streams, attached_at, schedule_id, scheduled_at, job_name, timeout_seconds, stop_seconds"
)
VALUES = ", ".join(f"%({name})s" for name in COLUMNS.split(", "))


class PostgresRuns:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, run: Run) -> None:
        await self._database.connection.execute(f"INSERT INTO runs ({COLUMNS}) VALUES ({VALUES})", asdict(run))

    async def get(self, application_id: UUID, run_id: UUID) -> Run:
        return await self._one(application_id, run_id, "")

    async def find(self, run_id: UUID) -> Run | None:
        return next(iter(await self._many("id = %s", run_id)), None)

    async def lock(self, application_id: UUID, run_id: UUID) -> Run:
        return await self._one(application_id, run_id, "FOR UPDATE")

    async def save(self, run: Run) -> None:
        await self._database.connection.execute(
            "UPDATE runs SET cancelled_at = %(cancelled_at)s, finished_at = %(finished_at)s, exit_code = %(exit_code)s, detail = %(detail)s,"
            " attached_at = %(attached_at)s WHERE id = %(id)s",
            asdict(run),
        )

    async def count_active(self, application_id: UUID, since: datetime) -> int:
        return await self._count("scheduled_at IS NULL AND application_id = %s", application_id, since)

    async def count_attachable(self, user_id: UUID, since: datetime) -> int:
        return await self._count("streams <> 'logged' AND application_id IN (SELECT id FROM applications WHERE user_id = %s)", user_id, since)

    async def lock_waiting(self, requested_before: datetime, limit: int) -> Sequence[Run]:
        waiting = "streams <> 'logged' AND attached_at IS NULL AND finished_at IS NULL"
        return await self._many(f"{waiting} AND requested_at < %s ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED", requested_before, limit)

    async def find_by_job(self, application_id: UUID, job_name: str) -> Run | None:
        return next(iter(await self._many("application_id = %s AND job_name = %s FOR UPDATE", application_id, job_name)), None)

    async def lock_unfinished(self, schedule_id: UUID) -> Sequence[Run]:
        return await self._many("schedule_id = %s AND finished_at IS NULL ORDER BY id FOR UPDATE", schedule_id)

    async def page_of_schedule(self, schedule_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Run]:
        condition = "schedule_id = %s AND (%s::uuid IS NULL OR id < %s) ORDER BY id DESC LIMIT %s"
        return await self._many(condition, schedule_id, before, before, limit)

    async def page(self, application_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Run]:
        condition = "application_id = %s AND (%s::uuid IS NULL OR id < %s) ORDER BY id DESC LIMIT %s"
        return await self._many(condition, application_id, before, before, limit)

    async def _many(self, condition: LiteralString, *values: object) -> Sequence[Run]:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {COLUMNS} FROM runs WHERE {condition}", values)
            return [_run(row) for row in await cursor.fetchall()]

    async def add_ticket(self, ticket: AttachTicket) -> None:
        await self._database.connection.execute("DELETE FROM attach_tickets WHERE expires_at < %s", (ticket.expires_at - LIFETIME,))
        await self._database.connection.execute(
            "INSERT INTO attach_tickets (token_hash, application_id, run_id, user_id, session_id, expires_at) VALUES"
            " (%(token_hash)s, %(application_id)s, %(run_id)s, %(user_id)s, %(session_id)s, %(expires_at)s)",
            asdict(ticket),
        )

    async def redeem_ticket(self, token_hash: bytes, now: datetime) -> AttachTicket:
        async with self._database.connection.cursor(row_factory=class_row(AttachTicket)) as cursor:
            await cursor.execute(
                "DELETE FROM attach_tickets WHERE token_hash = %s AND expires_at > %s"
                " RETURNING token_hash, application_id, run_id, user_id, session_id, expires_at",
                (token_hash, now),
            )
            ticket = await cursor.fetchone()
        if ticket is None:
            raise TicketNotFound
        return ticket

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
        return _run(row) if row else None

    async def delete_before(self, requested_before: datetime) -> None:
        await self._database.connection.execute("DELETE FROM runs WHERE requested_at < %s", (requested_before,))

    async def _one(self, application_id: UUID, run_id: UUID, locking: str) -> Run:
        async with self._database.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(f"SELECT {COLUMNS} FROM runs WHERE application_id = %s AND id = %s {locking}", (application_id, run_id))
            row = await cursor.fetchone()
        if row is None:
            raise RunNotFound.of(run_id)
        return _run(row)

    async def _count(self, condition: LiteralString, value: UUID, since: datetime) -> int:
        """Count the runs that have not ended."""
        cursor = await self._database.connection.execute(
            f"SELECT count(*) FROM runs WHERE finished_at IS NULL AND requested_at >= %s AND {condition}", (since, value)
        )
        row = await cursor.fetchone()
        return int(row[0]) if row else 0


def _run(row: Mapping[str, Any]) -> Run:
    return Run(**{**row, "streams": RunStreams(row["streams"])})
