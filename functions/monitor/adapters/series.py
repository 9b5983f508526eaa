"""Executions and retention over PostgreSQL: TimescaleDB's hypertables or native partitions, the same statements either way."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from psycopg.rows import class_row

from functions.monitor.adapters.copy_format import escaped, optional, text_array
from functions.monitor.domain.functions import FunctionTally
from functions.monitor.domain.timeline import Execution
from functions.runtime.storage.database import Database

COPY_EXECUTIONS = """
COPY executions (at, correlation, kind, context, name, outcome, detail, duration_ms, message, type, causation, actor, trace, emitted, attempt, cold)
FROM STDIN
"""


class PostgresExecutions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, executions: Sequence[Execution]) -> None:
        if not executions:
            return
        async with self._database.connection.cursor() as cursor, cursor.copy(COPY_EXECUTIONS) as copy:
            await copy.write("".join(map(_row, executions)))

    async def of(self, correlation: str, limit: int) -> Sequence[Execution]:
        async with self._database.connection.cursor(row_factory=class_row(Execution)) as cursor:
            await cursor.execute(
                """
                SELECT at, correlation, kind, context, name, outcome, detail, duration_ms,
                       message, type, causation, actor, trace, emitted, attempt, cold
                FROM executions WHERE correlation = %s ORDER BY at LIMIT %s
                """,
                (correlation, limit),
            )
            return [replace(execution, emitted=tuple(execution.emitted)) for execution in await cursor.fetchall()]

    async def by_function(self, since: datetime, until: datetime) -> Sequence[FunctionTally]:
        async with self._database.connection.cursor(row_factory=class_row(FunctionTally)) as cursor:
            await cursor.execute(
                """
                SELECT name, context, kind, count(*) AS executions,
                       count(*) FILTER (WHERE outcome IN ('failed', 'dead')) AS failed,
                       count(*) FILTER (WHERE outcome = 'retried') AS retried,
                       count(*) FILTER (WHERE outcome = 'rejected') AS rejected,
                       count(*) FILTER (WHERE cold) AS cold,
                       percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms) AS p50_ms,
                       percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms) AS p95_ms,
                       percentile_cont(0.99) WITHIN GROUP (ORDER BY duration_ms) AS p99_ms
                FROM executions WHERE at >= %s AND at < %s AND kind <> 'request' GROUP BY 1, 2, 3 ORDER BY 1
                """,
                (since, until),
            )
            return await cursor.fetchall()


class PostgresRetention:
    """The first migration decided which of the two adapters these functions of the database are (sql/monitor/V2): the functions' role owns no table,
    so what makes and drops chunks belongs to the owner."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_partitions(self, since: datetime, until: datetime) -> None:
        await self._database.connection.execute("SELECT make_partitions(%s, %s)", (since, until))

    async def drop(self, series: str, before: datetime) -> int:
        row = await (await self._database.connection.execute("SELECT drop_partitions(%s, %s)", (series, before))).fetchone()
        return int(row[0]) if row else 0


def _row(each: Execution) -> str:
    """An execution in COPY's text format."""
    return (
        f"{each.at.isoformat()}\t{escaped(each.correlation)}\t{escaped(each.kind)}\t{escaped(each.context)}\t{escaped(each.name)}"
        f"\t{escaped(each.outcome)}\t{escaped(each.detail)}\t{each.duration_ms!r}\t{optional(each.message)}\t{optional(each.type)}"
        f"\t{optional(each.causation)}\t{optional(each.actor)}\t{optional(each.trace)}\t{text_array(each.emitted)}\t{each.attempt}\t{each.cold}\n"
    )
