"""Counted requests and used resources over PostgreSQL: raw rows, and their sums by minute and by hour.

Readers take what is summed up from there, and minutes that are marked as stale from the rows below (sql/monitor/V3 says why that is exact).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row
from psycopg.sql import SQL, Composable, Identifier, Literal

from functions.monitor.domain.metrics import Level, Range
from functions.monitor.domain.requests import Health, Tally, Window
from functions.monitor.domain.resources import EPOCH, MINUTE, ResourceTally, ResourceWindow, floor
from functions.runtime.storage.database import Connection, Database

ROLLUP = 3
"""First key of the advisory lock under which sums are made."""

HISTOGRAM = SQL("array_agg(bucket ORDER BY bucket) AS buckets, array_agg(n ORDER BY bucket) AS counts")
SUMS = {
    "request": SQL("sum(requests)::bigint AS requests, sum(duration_ms) AS duration_ms"),
    "resource": SQL(
        "sum(cpu_ms) AS cpu_ms, max(memory_max) AS memory_max, sum(memory_byte_seconds) AS memory_byte_seconds,"
        " sum(instance_seconds) AS instance_seconds"
    ),
}
COLUMNS = {
    "request": SQL("application_id, environment, revision, status, requests, duration_ms, buckets, counts"),
    "resource": SQL("application_id, environment, component, service, cpu_ms, memory_max, memory_byte_seconds, instance_seconds"),
}
KEYS = {"request": SQL("application_id, environment, revision, status"), "resource": SQL("application_id, environment, component, service")}


class PostgresRequests:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, windows: Sequence[Window]) -> None:
        """Histograms differ in length, which arrays of arrays cannot hold: rows, pipelined."""
        if not windows:
            return
        async with self._database.connection.cursor() as cursor:
            await cursor.executemany(
                """
                INSERT INTO request_windows (at, until, application_id, environment, revision, status, requests, duration_ms, buckets, counts)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
                """,
                [
                    (
                        window.begin,
                        window.end,
                        window.application_id,
                        window.environment,
                        window.revision,
                        window.status,
                        window.requests,
                        window.duration_ms,
                        list(window.buckets),
                        list(window.buckets.values()),
                    )
                    for window in windows
                ],
            )
        await mark_stale(self._database.connection, "request", (window.begin for window in windows))

    async def tallies(self, application_id: UUID, environment: str | None, over: Range) -> Sequence[Tally]:
        query = SQL(
            """
            WITH {stale}, rows AS ({rows}),
            steps AS (SELECT date_bin(%(step)s, at, %(begin)s) AS at, environment, status / 100 AS status_class, requests, duration_ms, buckets,
                             counts FROM rows WHERE %(environment)s::text IS NULL OR environment = %(environment)s),
            sums AS (SELECT at, environment, status_class, {sums} FROM steps GROUP BY 1, 2, 3),
            cells AS (SELECT at, environment, status_class, bucket, sum(n)::bigint AS n FROM steps, unnest(buckets, counts) AS cell (bucket, n)
                      GROUP BY 1, 2, 3, 4),
            merged AS (SELECT at, environment, status_class, {histogram} FROM cells GROUP BY 1, 2, 3)
            SELECT at, environment, status_class, requests, duration_ms, buckets, counts
            FROM sums LEFT JOIN merged USING (at, environment, status_class) ORDER BY at, environment, status_class
            """
        ).format(stale=_stale("request", over.level), rows=_rows("request", over.level), sums=SUMS["request"], histogram=HISTOGRAM)
        rows = await (await self._database.connection.execute(query, _range(application_id, environment, over))).fetchall()
        return [
            Tally(at, environment, status_class, requests, duration_ms, dict(zip(buckets or (), counts or (), strict=True)))
            for at, environment, status_class, requests, duration_ms, buckets, counts in rows
        ]

    async def health(self, of: Sequence[tuple[UUID, str, datetime]]) -> Sequence[Health]:
        if not of:
            return ()
        rows = await self._database.connection.execute(
            """
            WITH rows AS (SELECT number, status, requests, buckets, counts
                          FROM unnest(%(applications)s::uuid[], %(environments)s::text[], %(since)s::timestamptz[])
                          WITH ORDINALITY AS part (application, environment, since, number)
                          CROSS JOIN LATERAL (SELECT status, requests, buckets, counts FROM request_windows
                              WHERE application_id = part.application AND environment = part.environment AND at >= part.since) AS windows),
            sums AS (SELECT number, sum(requests)::bigint AS requests, coalesce(sum(requests) FILTER (WHERE status >= 500), 0)::bigint AS errors
                     FROM rows GROUP BY 1),
            cells AS (SELECT number, bucket, sum(n)::bigint AS n FROM rows, unnest(buckets, counts) AS cell (bucket, n) GROUP BY 1, 2),
            merged AS (SELECT number, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(n ORDER BY bucket) AS counts FROM cells GROUP BY 1)
            SELECT number, requests, errors, buckets, counts FROM sums LEFT JOIN merged USING (number)
            """,
            {"applications": [each[0] for each in of], "environments": [each[1] for each in of], "since": [each[2] for each in of]},
        )
        found = {
            number: Health(requests, errors, dict(zip(buckets or (), counts or (), strict=True)))
            for number, requests, errors, buckets, counts in await rows.fetchall()
        }
        return [found.get(number) or Health(0, 0, {}) for number in range(1, len(of) + 1)]

    async def measured_until(self, application_id: UUID, environment: str | None) -> datetime | None:
        return await _measured_until(self._database, "request_windows", application_id, environment)


async def _measured_until(database: Database, table: str, application_id: UUID, environment: str | None) -> datetime | None:
    query = SQL(
        "SELECT until FROM {} WHERE application_id = %(application)s AND (%(environment)s::text IS NULL OR environment = %(environment)s)"
        " ORDER BY at DESC LIMIT 1"
    ).format(Identifier(table))
    row = await (await database.connection.execute(query, {"application": application_id, "environment": environment})).fetchone()
    return row[0] if row else None


class PostgresResources:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, windows: Sequence[ResourceWindow]) -> None:
        if not windows:
            return
        connection = self._database.connection
        parts = [part for window in windows for part in window.by_minute()]
        await connection.execute(
            """
            INSERT INTO resource_windows
                (at, until, application_id, environment, component, service, pod, cpu_ms, memory_max, memory_byte_seconds, instance_seconds)
            SELECT * FROM unnest(%s::timestamptz[], %s::timestamptz[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[],
                                 %s::float8[], %s::bigint[], %s::float8[], %s::float8[])
            """,
            (
                [part.begin for part in parts],
                [part.end for part in parts],
                [part.application_id for part in parts],
                [part.environment for part in parts],
                [part.component for part in parts],
                [part.service for part in parts],
                [part.pod for part in parts],
                [part.cpu_ms for part in parts],
                [part.memory_max for part in parts],
                [part.memory_mean * part.seconds for part in parts],
                [part.seconds for part in parts],
            ),
        )
        await mark_stale(connection, "resource", (part.begin for part in parts))

    async def measured_until(self, application_id: UUID, environment: str | None) -> datetime | None:
        return await _measured_until(self._database, "resource_windows", application_id, environment)

    async def tallies(self, application_id: UUID, environment: str | None, over: Range) -> Sequence[ResourceTally]:
        query = SQL(
            """
            WITH {stale}, rows AS ({rows})
            SELECT date_bin(%(step)s, at, %(begin)s) AS at, environment, {sums} FROM rows
            WHERE component = 'run' AND (%(environment)s::text IS NULL OR environment = %(environment)s)
            GROUP BY 1, 2 ORDER BY 1, 2
            """
        ).format(stale=_stale("resource", over.level), rows=_rows("resource", over.level), sums=SUMS["resource"])
        async with self._database.connection.cursor(row_factory=class_row(ResourceTally)) as cursor:
            await cursor.execute(query, _range(application_id, environment, over))
            return await cursor.fetchall()

    async def by_service(self, application_id: UUID, over: Range) -> Mapping[str, ResourceTally]:
        query = SQL("WITH {stale}, rows AS ({rows}) SELECT service, {sums} FROM rows GROUP BY 1").format(
            stale=_stale("resource", over.level), rows=_rows("resource", over.level), sums=SUMS["resource"]
        )
        rows = await (await self._database.connection.execute(query, _range(application_id, None, over))).fetchall()
        return {service: ResourceTally(over.begin, "", *sums) for service, *sums in rows}


class PostgresRollups:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def roll(self, since: datetime) -> int:
        connection = self._database.connection
        await connection.execute("SELECT pg_advisory_xact_lock(%s, 0)", (ROLLUP,))
        rolled = 0
        for series in ("resource", "request"):  # the order in which make_partitions locks
            rows = await connection.execute(
                "WITH taken AS (DELETE FROM stale_minutes WHERE series = %s RETURNING minute) SELECT DISTINCT minute FROM taken WHERE minute >= %s",
                (series, since),
            )
            minutes = [minute for (minute,) in await rows.fetchall()]
            if minutes:
                await self._sum(connection, series, "windows", "minutes", "1 minute", minutes)
                hours = sorted({floor(minute, timedelta(hours=1)) for minute in minutes})
                await self._sum(connection, series, "minutes", "hours", "1 hour", hours)
            rolled += len(minutes)
        return rolled

    async def _sum(self, connection: Connection, series: str, below: str, level: str, width: str, bins: Sequence[datetime]) -> None:
        """Anew from the rows below, whatever was there."""
        into, out_of = Identifier(f"{series}_{level}"), Identifier(f"{series}_{below}")
        await connection.execute(SQL("DELETE FROM {} WHERE at = ANY(%s)").format(into), (list(bins),))
        rows = SQL(
            "SELECT *, date_bin({width}, at, {epoch}) AS bin FROM {table}"
            " WHERE at >= %(first)s AND at < %(last)s::timestamptz + {width}::interval AND date_bin({width}, at, {epoch}) = ANY(%(bins)s)"
        ).format(width=Literal(width), epoch=Literal(EPOCH), table=out_of)
        keys, sums = KEYS[series], SUMS[series]
        if series == "resource":
            query = SQL("WITH rows AS ({rows}) INSERT INTO {into} (at, {columns}) SELECT bin, {keys}, {sums} FROM rows GROUP BY bin, {keys}")
        else:
            query = SQL(
                """
                WITH rows AS ({rows}),
                sums AS (SELECT bin, {keys}, {sums} FROM rows GROUP BY bin, {keys}),
                cells AS (SELECT bin, {keys}, bucket, sum(n)::bigint AS n FROM rows, unnest(buckets, counts) AS cell (bucket, n)
                          GROUP BY bin, {keys}, bucket),
                merged AS (SELECT bin, {keys}, {histogram} FROM cells GROUP BY bin, {keys})
                INSERT INTO {into} (at, {columns})
                SELECT bin, {keys}, requests, duration_ms, coalesce(buckets, '{{}}'), coalesce(counts, '{{}}')
                FROM sums LEFT JOIN merged USING (bin, {keys})
                """
            )
        await connection.execute(
            query.format(rows=rows, into=into, columns=COLUMNS[series], keys=keys, sums=sums, histogram=HISTOGRAM),
            {"first": min(bins), "last": max(bins), "bins": list(bins)},
        )


async def mark_stale(connection: Connection, series: str, times: Iterable[datetime]) -> None:
    minutes = sorted({floor(at, MINUTE) for at in times})
    await connection.execute("INSERT INTO stale_minutes (series, minute) SELECT %s, unnest(%s::timestamptz[])", (series, minutes))


def _stale(series: str, level: Level) -> Composable:
    """The marks within the range."""
    if level is Level.RAW:
        return SQL("nothing AS (SELECT 1)")
    return SQL(
        """
        stale AS MATERIALIZED (SELECT DISTINCT minute FROM stale_minutes WHERE series = {series}
                               AND minute >= %(begin)s AND minute < %(end)s),
        stale_hours AS MATERIALIZED (SELECT DISTINCT date_bin('1 hour', minute, {epoch}) AS hour FROM stale)
        """
    ).format(series=Literal(series), epoch=Literal(EPOCH))


def _rows(series: str, level: Level) -> Composable:
    """What is summed up, and what lies below it where it is stale. `at` is the beginning of the minute or hour."""
    within = SQL("application_id = %(application)s AND at >= %(begin)s AND at < %(end)s")
    parts = {"series": SQL(series), "columns": COLUMNS[series], "within": within, "epoch": Literal(EPOCH)}
    if level is Level.RAW:
        return SQL("SELECT at, {columns} FROM {series}_windows WHERE {within}").format(**parts)
    raw = SQL(
        "SELECT date_bin('1 minute', at, {epoch}) AS at, {columns} FROM {series}_windows"
        " WHERE {within} AND date_bin('1 minute', at, {epoch}) IN (SELECT minute FROM stale)"
    ).format(**parts)
    minutes = SQL("SELECT at, {columns} FROM {series}_minutes WHERE {within} AND at NOT IN (SELECT minute FROM stale)").format(**parts)
    if level is Level.MINUTES:
        return SQL("{} UNION ALL {}").format(minutes, raw)
    hours = SQL("SELECT at, {columns} FROM {series}_hours WHERE {within} AND at NOT IN (SELECT hour FROM stale_hours)").format(**parts)
    in_stale_hours = SQL("AND date_bin('1 hour', at, {epoch}) IN (SELECT hour FROM stale_hours)").format(**parts)
    return SQL("{} UNION ALL {} {} UNION ALL {}").format(hours, minutes, in_stale_hours, raw)


def _range(application_id: UUID, environment: str | None, over: Range) -> dict[str, object]:
    """The end reaches to the end of the last step: rows of a minute or an hour begin before what they tell."""
    return {"step": over.step, "begin": over.begin, "end": over.steps()[-1] + over.step, "application": application_id, "environment": environment}
