"""Log lines and executions over PostgreSQL: TimescaleDB's hypertables or native partitions, the same statements either way.

Rows go in by one statement a batch: lines as arrays (`unnest`), executions, which have arrays themselves, by COPY.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from operator import attrgetter

from psycopg.rows import class_row
from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder

from functions.monitor.domain.functions import FunctionTally
from functions.monitor.domain.logs import LogFilter, LogLine, StoredLine
from functions.monitor.domain.timeline import Execution
from functions.runtime.storage.database import Database

LINE = "position, at, environment, deployment_id, component, pod, container, stream, line, service"
EXECUTION = [field.name for field in fields(Execution)]
EXECUTION_VALUES = attrgetter(*EXECUTION)
COPY_EXECUTIONS = SQL("COPY executions ({}) FROM STDIN").format(SQL(", ").join(map(Identifier, EXECUTION)))
EVERYTHING, NEWEST_FIRST = SQL(""), SQL("ORDER BY position DESC")


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
            INSERT INTO log_lines (at, application_id, environment, deployment_id, component, pod, container, stream, line, service)
            SELECT at, application_id, environment, deployment_id, component, pod, container, stream, line, service
            FROM unnest(%s::timestamptz[], %s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
                WITH ORDINALITY AS rows (at, application_id, environment, deployment_id, component, pod, container, stream, line, service, place)
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
                [line.service for line in lines],
            ),
        )

    async def last(self, filter: LogFilter, limit: int) -> Sequence[StoredLine]:
        newest_first = await self._read(filter, EVERYTHING, NEWEST_FIRST, limit, 0)
        return newest_first[::-1]

    async def following(self, filter: LogFilter, position: int, limit: int) -> Sequence[StoredLine]:
        return await self._read(filter, SQL("AND position > %(position)s"), SQL("ORDER BY position"), limit, position)

    async def _read(self, filter: LogFilter, after: SQL, order: SQL, limit: int, position: int) -> list[StoredLine]:
        query, arguments = select_lines(filter, after, order)
        async with self._database.connection.cursor(row_factory=class_row(StoredLine)) as cursor:
            await cursor.execute(query, {**arguments, "position": position, "limit": limit})
            return await cursor.fetchall()


def select_lines(filter: LogFilter, after: SQL = EVERYTHING, order: SQL = NEWEST_FIRST) -> tuple[Composed, dict[str, object]]:
    """The statement and its arguments, but for `limit` and `position`."""
    conditions, arguments = _conditions(filter)
    query = SQL("SELECT {} FROM log_lines WHERE {} {} {} LIMIT %(limit)s").format(SQL(LINE), SQL(" AND ").join(conditions), after, order)
    return query, arguments


def _conditions(filter: LogFilter) -> tuple[list[Composable], dict[str, object]]:
    conditions: list[Composable] = [SQL("application_id = %(application)s")]
    arguments: dict[str, object] = {"application": filter.application_id}
    messages = {
        "environment": (SQL("environment = %(environment)s"), filter.environment),
        "deployment": (SQL("deployment_id = %(deployment)s"), filter.deployment_id),
        "component": (SQL("component = %(component)s"), filter.component),
        "service": (SQL("service = %(service)s"), filter.service),
        "since": (SQL("at >= %(since)s"), filter.since),
        "until": (SQL("at < %(until)s"), filter.until),
    }
    for name, (condition, value) in messages.items():
        if value is not None:
            conditions.append(condition)
            arguments[name] = value
    if filter.terms.required:
        conditions.append(SQL("NOT EXISTS (SELECT FROM unnest(%(required)s::text[]) AS term WHERE strpos(lower(line), lower(term)) = 0)"))
        arguments["required"] = list(filter.terms.required)
    if filter.terms.excluded:
        conditions.append(SQL("NOT EXISTS (SELECT FROM unnest(%(excluded)s::text[]) AS term WHERE strpos(lower(line), lower(term)) > 0)"))
        arguments["excluded"] = list(filter.terms.excluded)
    if filter.fields:
        conditions.append(SQL("line LIKE '{{%%' AND jsonb_typeof(json_of(line)) = 'object'").format())
    for number, field in enumerate(filter.fields):
        compared = SQL("IS NOT DISTINCT FROM" if field.same else "IS DISTINCT FROM")
        conditions.append(SQL("json_of(line) #>> {} {} {}").format(Placeholder(f"path{number}"), compared, Placeholder(f"text{number}")))
        arguments[f"path{number}"], arguments[f"text{number}"] = list(field.path), field.text
    return conditions, arguments


class PostgresExecutions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, executions: Sequence[Execution]) -> None:
        if not executions:
            return
        async with self._database.connection.cursor() as cursor, cursor.copy(COPY_EXECUTIONS) as copy:
            for each in executions:
                await copy.write_row([list(value) if isinstance(value, tuple) else value for value in EXECUTION_VALUES(each)])

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
