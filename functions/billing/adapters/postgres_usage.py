"""Measured usage and who pays for it, in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from functions.billing.domain.periods import Period
from functions.billing.domain.plans import Meter
from functions.billing.domain.transfers import Transfer, owner_at
from functions.billing.domain.usage import EnvironmentUsage, Quantities, UsageRecord
from functions.runtime.storage.database import Database

BATCH_SIZE = 10_000
HOUR: LiteralString = "date_trunc('hour', window_from, 'UTC')"
METERS = ", ".join(Meter)
VALUES = ", ".join(f"%({meter})s" for meter in Meter)
SUMS = ", ".join(f"sum({meter})::bigint AS {meter}" for meter in Meter)
TOTALS = ", ".join(f"coalesce(sum({meter}), 0)::bigint AS {meter}" for meter in Meter)
ADDED = ", ".join(f"{meter} = sums.{meter} + excluded.{meter}" for meter in Meter)
"""Each meter is a column."""


class PostgresUsage:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, record: UsageRecord) -> bool:
        inserted = await self._database.connection.execute(
            f"""
            WITH recorded AS (
                INSERT INTO usage_records (id, user_id, application_id, environment, window_from, window_to, {METERS})
                VALUES (%(id)s, %(user)s, %(application)s, %(environment)s, %(begin)s, %(end)s, {VALUES})
                ON CONFLICT (id) DO NOTHING
                RETURNING user_id, application_id, environment, {METERS}
            )
            INSERT INTO usage_hours AS sums (user_id, hour, application_id, environment, {METERS}, cpu_until)
            SELECT user_id, %(hour)s, application_id, environment, {METERS}, %(cpu_until)s FROM recorded
            ON CONFLICT (user_id, hour, application_id, environment) DO UPDATE
            SET {ADDED}, cpu_until = greatest(sums.cpu_until, excluded.cpu_until)
            """,
            {
                "id": record.id,
                "user": record.user_id,
                "application": record.application_id,
                "environment": record.environment,
                "begin": record.begin,
                "end": record.end,
                "hour": record.hour,
                "cpu_until": record.cpu_until,
                **{meter.value: record.of(meter) for meter in Meter},
            },
        )
        return inserted.rowcount == 1

    async def owner_at(self, application_id: UUID, at: datetime) -> UUID | None:
        await self._lock(application_id, is_shared=True)
        return owner_at(await self._transfers(application_id), at)

    async def transfer(self, transfer: Transfer) -> None:
        """The hours of moved records are summed up again: a transfer is younger than the oldest record that is kept."""
        connection = self._database.connection
        await self._lock(transfer.application_id)
        await connection.execute(
            "INSERT INTO application_transfers (application_id, at, former_user_id, user_id) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (transfer.application_id, transfer.at, transfer.former_user_id, transfer.user_id),
        )
        others = [each.at for each in await self._transfers(transfer.application_id)]
        values = {
            "application": transfer.application_id,
            "at": transfer.at,
            "since": max((at for at in others if at < transfer.at), default=None),
            "until": min((at for at in others if at > transfer.at), default=None),
            "former": transfer.former_user_id,
            "owner": transfer.user_id,
        }
        cursor = await connection.execute(
            f"""
            WITH misplaced AS (
                SELECT id, user_id, {HOUR} AS hour, CASE WHEN window_from < %(at)s THEN %(former)s ELSE %(owner)s END::uuid AS owner
                FROM usage_records
                WHERE application_id = %(application)s AND (%(since)s::timestamptz IS NULL OR window_from >= %(since)s)
                    AND (%(until)s::timestamptz IS NULL OR window_from < %(until)s)
            ), moved AS (
                UPDATE usage_records AS record SET user_id = misplaced.owner FROM misplaced
                WHERE record.id = misplaced.id AND misplaced.user_id <> misplaced.owner RETURNING misplaced.user_id, misplaced.owner, misplaced.hour
            )
            SELECT DISTINCT user_id, owner, hour FROM moved
            """,
            values,
        )
        if moved := await cursor.fetchall():
            await self._sum_again(transfer.application_id, [user for row in moved for user in row[:2]], [row[2] for row in moved])

    async def _sum_again(self, application_id: UUID, users: Sequence[UUID], hours: Sequence[datetime]) -> None:
        values = {"application": application_id, "users": list(users), "hours": list(hours), "first": min(hours)}
        await self._database.connection.execute(  # in one order: two transfers between the same owners cannot wait for each other
            "SELECT FROM usage_totals WHERE user_id = ANY(%(users)s) AND day >= date_trunc('day', %(first)s, 'UTC') ORDER BY user_id, day FOR UPDATE",
            values,
        )
        await self._database.connection.execute(
            "DELETE FROM usage_hours WHERE user_id = ANY(%(users)s) AND hour = ANY(%(hours)s) AND application_id = %(application)s", values
        )
        await self._database.connection.execute(
            f"""
            INSERT INTO usage_hours (user_id, hour, application_id, environment, {METERS}, cpu_until)
            SELECT user_id, {HOUR}, application_id, environment, {SUMS}, max(window_to) FILTER (WHERE cpu_milliseconds > 0)
            FROM usage_records WHERE application_id = %(application)s AND window_from >= %(first)s AND {HOUR} = ANY(%(hours)s)
                AND user_id = ANY(%(users)s)
            GROUP BY 1, 2, 3, 4
            """,
            values,
        )

    async def _transfers(self, application_id: UUID) -> Sequence[Transfer]:
        async with self._database.connection.cursor(row_factory=class_row(Transfer)) as cursor:
            await cursor.execute(
                "SELECT application_id, at, former_user_id, user_id FROM application_transfers WHERE application_id = %s", (application_id,)
            )
            return await cursor.fetchall()

    async def _lock(self, application_id: UUID, *, is_shared: bool = False) -> None:
        """In a statement of its own: the next one sees what the former holder has committed."""
        function: LiteralString = "pg_advisory_xact_lock_shared" if is_shared else "pg_advisory_xact_lock"
        await self._database.connection.execute(f"SELECT {function}(hashtextextended('transfer-' || %s, 0))", (str(application_id),))

    async def by_environment(self, user_id: UUID, period: Period) -> Sequence[EnvironmentUsage]:
        async with self._database.connection.cursor(row_factory=class_row(EnvironmentUsage)) as cursor:
            await cursor.execute(
                f"""
                SELECT application_id, environment, {SUMS}, max(cpu_until) AS cpu_until
                FROM usage_days WHERE user_id = %s AND day >= %s AND day < %s
                GROUP BY application_id, environment ORDER BY application_id, environment
                """,
                (user_id, period.begin, period.end),
            )
            return await cursor.fetchall()

    async def total(self, user_id: UUID, period: Period) -> Quantities:
        async with self._database.connection.cursor(row_factory=class_row(Quantities)) as cursor:
            await cursor.execute(
                f"SELECT {TOTALS} FROM usage_totals WHERE user_id = %s AND day >= %s AND day < %s", (user_id, period.begin, period.end)
            )
            found = await cursor.fetchone()
        assert found is not None, "an aggregate has one row"
        return found

    async def prune_ids(self, before: datetime) -> int:
        deleted = await self._database.connection.execute(
            "DELETE FROM usage_records WHERE id IN (SELECT id FROM usage_records WHERE window_from < %s LIMIT %s)", (before, BATCH_SIZE)
        )
        return deleted.rowcount
