"""Log lines, executions and counted requests over PostgreSQL: TimescaleDB's hypertables or native partitions, the same statements either way.

Rows go in by one statement a batch, as arrays (`unnest`).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row
from psycopg.sql import SQL, Composed

from functions.monitor.domain.logs import LogFilter, LogLine, StoredLine
from functions.monitor.domain.requests import Range, Tally, Window
from functions.monitor.domain.timeline import Execution
from functions.runtime.database import Database

LINE = "position, at, environment, deployment_id, component, pod, container, stream, line"


class PostgresLogs:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, lines: Sequence[LogLine]) -> None:
        """One batch at a time until its commit: positions then rise in the order of commits, and no reader passes by a line that is yet to appear."""
        if not lines:
            return
        connection = self._database.connection
        await connection.execute("SELECT pg_advisory_xact_lock(1, 0)")
        await connection.execute(
            """
            INSERT INTO log_lines (at, application_id, environment, deployment_id, component, pod, container, stream, line)
            SELECT at, application_id, environment, deployment_id, component, pod, container, stream, line
            FROM unnest(%s::timestamptz[], %s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
                WITH ORDINALITY AS rows (at, application_id, environment, deployment_id, component, pod, container, stream, line, place)
            ORDER BY place
            """,
            (
                [line.at for line in lines],
                [line.workload.application_id for line in lines],
                [line.workload.environment for line in lines],
                [line.workload.deployment_id for line in lines],
                [line.workload.component for line in lines],
                [line.pod for line in lines],
                [line.container for line in lines],
                [line.stream for line in lines],
                [line.line for line in lines],
            ),
        )

    async def last(self, wanted: LogFilter, limit: int) -> Sequence[StoredLine]:
        newest_first = await self._read(wanted, SQL(""), SQL("ORDER BY position DESC"), limit, 0)
        return newest_first[::-1]

    async def following(self, wanted: LogFilter, position: int, limit: int) -> Sequence[StoredLine]:
        return await self._read(wanted, SQL("AND position > %(position)s"), SQL("ORDER BY position"), limit, position)

    async def _read(self, wanted: LogFilter, after: SQL, order: SQL, limit: int, position: int) -> list[StoredLine]:
        conditions = [SQL("application_id = %(application)s")]
        if wanted.environment is not None:
            conditions.append(SQL("environment = %(environment)s"))
        if wanted.deployment_id is not None:
            conditions.append(SQL("deployment_id = %(deployment)s"))
        if wanted.component is not None:
            conditions.append(SQL("component = %(component)s"))
        if wanted.search is not None:
            conditions.append(SQL("strpos(lower(line), lower(%(search)s)) > 0"))
        query: Composed = SQL("SELECT {} FROM log_lines WHERE {} {} {} LIMIT %(limit)s").format(
            SQL(LINE), SQL(" AND ").join(conditions), after, order
        )
        arguments = {
            "application": wanted.application_id,
            "environment": wanted.environment,
            "deployment": wanted.deployment_id,
            "component": wanted.component,
            "search": wanted.search,
            "position": position,
            "limit": limit,
        }
        async with self._database.connection.cursor(row_factory=class_row(StoredLine)) as cursor:
            await cursor.execute(query, arguments)
            return await cursor.fetchall()


class PostgresRequests:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, windows: Sequence[Window]) -> None:
        if not windows:
            return
        await self._database.connection.execute(
            """
            INSERT INTO request_windows (at, until, application_id, environment, revision, status, requests, duration_ms)
            SELECT * FROM unnest(
                %s::timestamptz[], %s::timestamptz[], %s::uuid[], %s::text[], %s::text[], %s::smallint[], %s::bigint[], %s::float8[])
            """,
            (
                [window.begin for window in windows],
                [window.end for window in windows],
                [window.application_id for window in windows],
                [window.environment for window in windows],
                [window.revision for window in windows],
                [window.status for window in windows],
                [window.requests for window in windows],
                [window.duration_ms for window in windows],
            ),
        )

    async def tallies(self, application_id: UUID, environment: str | None, over: Range) -> Sequence[Tally]:
        async with self._database.connection.cursor(row_factory=class_row(Tally)) as cursor:
            await cursor.execute(
                """
                SELECT date_bin(%(step)s, windows.at, %(begin)s) AS at, status / 100 AS status_class,
                       sum(requests)::bigint AS requests, sum(duration_ms) AS duration_ms
                FROM request_windows AS windows
                WHERE application_id = %(application)s AND windows.at >= %(begin)s AND windows.at < %(end)s
                  AND (%(environment)s::text IS NULL OR environment = %(environment)s)
                GROUP BY 1, 2 ORDER BY 1, 2
                """,
                {"step": over.step, "begin": over.begin, "end": over.end, "application": application_id, "environment": environment},
            )
            return await cursor.fetchall()


class PostgresExecutions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, executions: Sequence[Execution]) -> None:
        """Their lists of emitted messages differ in length, which arrays of arrays cannot hold: rows, pipelined."""
        if not executions:
            return
        async with self._database.connection.cursor() as cursor:
            await cursor.executemany(
                """
                INSERT INTO executions (at, correlation, kind, context, name, outcome, detail, duration_ms,
                                        message, type, causation, actor, trace, emitted, attempt, cold)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
                """,
                [
                    (
                        done.at,
                        done.correlation,
                        done.kind,
                        done.context,
                        done.name,
                        done.outcome,
                        done.detail,
                        done.duration_ms,
                        done.message,
                        done.type,
                        done.causation,
                        done.actor,
                        done.trace,
                        list(done.emitted),
                        done.attempt,
                        done.cold,
                    )
                    for done in executions
                ],
            )

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


class PostgresRetention:
    """The first migration decided which of the two adapters these functions of the database are (sql/monitor/V2): the functions' role owns no table,
    so what makes and drops chunks belongs to the owner."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def make_room(self, since: datetime, until: datetime) -> None:
        await self._database.connection.execute("SELECT make_partitions(%s, %s)", (since, until))

    async def drop(self, series: str, before: datetime) -> int:
        row = await (await self._database.connection.execute("SELECT drop_partitions(%s, %s)", (series, before))).fetchone()
        return int(row[0]) if row else 0
