"""`./taskw bench --logs`: what a log line costs, and how long a search takes over many.

    ingest     CPU of on_logs_collected and PostgreSQL for each line: decode an event of 2,000 lines, store it, commit
    close      CPU of moving lines into their partitions and indexing them
    newest     the newest 200 lines of an application
    text       200 lines with a word: in every second line, in one of 1,000, in one of all, in none
    field      the same by a field of JSON lines

Half of the lines are of one application, the others of 99. The searches are those of the large one. Lines are JSON objects of about 200 characters
with identifiers that differ from line to line. PostgreSQL is one of the bench's own, on its own ports.
"""

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import orjson
import psutil
import psycopg

from events.cluster import LogsCollected
from functions.kernel import Clock
from functions.monitor.adapters.logs import PostgresLogs
from functions.monitor.adapters.series import PostgresExecutions
from functions.monitor.domain.logs import LogFilter
from functions.monitor.domain.search import Terms, conditions
from functions.monitor.handlers.on_logs_collected import on_logs_collected
from functions.runtime.storage.database import Database
from knative.machine import migrations, packages
from knative.machine.postgres import PostgreSQL
from tests.bench import usage
from tests.bench.report import Row, table
from tests.servers import discard, fresh_home

INGESTED, BATCH = 100_000, 2_000
LARGE, SMALL = uuid4(), [uuid4() for _ in range(99)]
LIMIT = 200
FILLED_AT_ONCE = 50_000
SYSTEM = "Capsule"

LINES_SQL = """
INSERT INTO hot_log_lines (at, application_id, environment, deployment_id, component, pod, container, stream, line, service)
SELECT %(at)s, CASE WHEN n %% 2 = 0 THEN %(large)s ELSE (%(small)s::uuid[])[1 + n / 2 %% 99] END, 'production', %(deployment)s, 'run',
    'web-00001-deployment-' || n %% 5, 'user-container', 'stdout',
    format('{"level":"%%s","msg":"request %%s handled","http":{"method":"GET","path":"/v1/orders/%%s","status":%%s},"trace":"%%s","ms":%%s}',
        CASE WHEN n %% 4 = 0 THEN 'info' ELSE 'debug' END, CASE WHEN n %% 2000 = 0 THEN 'seldom' ELSE 'always' END, n * 7919 %% 1000003,
        CASE WHEN n %% 2000 = 0 THEN 503 ELSE 200 END,
        CASE WHEN n = %(needle)s THEN 'deadbeefcafe0123456789abcdef7777' ELSE md5(n::text) END, n %% 300),
    'web'
FROM generate_series(%(first)s::bigint, %(first)s::bigint + %(count)s - 1) AS n
"""
SEARCHES: dict[str, LogFilter] = {
    "newest, no search": LogFilter(LARGE),
    "text, in all": LogFilter(LARGE, terms=Terms.read("handled")),
    "text, 1 of 1,000": LogFilter(LARGE, terms=Terms.read("seldom")),
    "text, one line": LogFilter(LARGE, terms=Terms.read("deadbeefcafe0123456789abcdef7777")),
    "text, part of a word, one line": LogFilter(LARGE, terms=Terms.read("beefcafe0123")),
    "text, none": LogFilter(LARGE, terms=Terms.read("no-such-text")),
    "field, half": LogFilter(LARGE, fields=conditions("level=info")),
    "field, 1 of 1,000": LogFilter(LARGE, fields=conditions("http.status=503")),
    "field, one line": LogFilter(LARGE, fields=conditions("trace=deadbeefcafe0123456789abcdef7777")),
    "field, none": LogFilter(LARGE, fields=conditions("level=fatal")),
}


class Bench:
    """A database of monitor on a server of its own."""

    def __init__(self, server: PostgreSQL) -> None:
        self._server = server
        packages.install([packages.POSTGRES], print)
        server.start()
        server.create_databases()
        self._database = server.database("monitor")
        migrations.migrate(self._database.owner_url, "monitor")

    async def cost(self, work: Callable[[Database], Awaitable[int]]) -> dict[str, float]:
        """CPU in microseconds of each line that `work` handles; connections are closed, so that their time is that of the server."""
        started_at, python, postgres = time.monotonic(), time.process_time(), self._server_seconds()
        database = Database(self._database.functions_url)
        try:
            count = await work(database)
        finally:
            await database.close()
        await asyncio.sleep(0.5)  # the server's processes end
        own, server = (time.process_time() - python) / count * 1e6, (self._server_seconds() - postgres) / count * 1e6
        return {"lines/s": 1e6 / (own + server), "python": own, "postgres": server, "wall/s": count / (time.monotonic() - started_at)}

    def _server_seconds(self) -> float:
        pid = int((self._server.data / "postmaster.pid").read_text().split()[0])
        return usage.cpu_seconds([psutil.Process(pid)])

    async def ingest(self, database: Database) -> int:
        logs, executions, clock = PostgresLogs(database), PostgresExecutions(database), Now()
        for body in self.bodies:
            async with database.transaction():
                await on_logs_collected(LogsCollected.model_validate_json(body), logs, executions, clock)
        return INGESTED

    async def close(self, database: Database) -> int:
        with self._server.superuser("monitor") as connection:
            (count,) = connection.execute("SELECT count(*) FROM hot_log_lines").fetchone() or (0,)
        is_more_left = True
        while is_more_left:
            async with database.transaction():
                is_more_left = await PostgresLogs(database).close()
        return int(count)

    def prepare_bodies(self) -> None:
        at = datetime.now(UTC).isoformat()
        self.bodies = [
            orjson.dumps({"entries": [entry(number, at) for number in range(first, first + BATCH)]}) for first in range(0, INGESTED, BATCH)
        ]

    async def fill(self, count: int) -> None:
        """Insert `count` lines of the last twelve hours, and close all but the last 20,000."""
        database, start = Database(self._database.functions_url), datetime.now(UTC) - timedelta(hours=12)
        try:
            for first in range(0, count, FILLED_AT_ONCE):
                size = min(FILLED_AT_ONCE, count - first)
                is_last = first + size == count
                for begin, length in ((first, size - 20_000), (first + size - 20_000, 20_000)) if is_last else ((first, size),):
                    self._insert(begin, length, start + timedelta(hours=12) * begin / count, needle=count // 3 * 2)
                    if not (is_last and length == 20_000):
                        await self.close(database)
        finally:
            await database.close()
        with self._server.superuser("monitor") as connection:
            connection.execute("VACUUM ANALYZE")

    def _insert(self, first: int, count: int, at: datetime, needle: int) -> None:
        values = {"at": at, "large": LARGE, "small": SMALL, "deployment": UUID(int=1), "needle": needle, "first": first, "count": count}
        with psycopg.connect(self._database.functions_url) as connection:
            connection.execute(LINES_SQL, values)

    async def search(self, filter: LogFilter, times: int) -> dict[str, float]:
        """Milliseconds that the query function waits, and CPU of PostgreSQL."""
        database, took, found = Database(self._database.functions_url, size=1), [], 0
        try:
            async with database.transaction(read_only=True) as connection:
                backend = psutil.Process(connection.info.backend_pid)
            await self._search(database, filter)  # what it reads is in memory
            before = usage.cpu_seconds([backend])
            for _ in range(times):
                started_at = time.perf_counter()
                found = await self._search(database, filter)
                took.append((time.perf_counter() - started_at) * 1000)
            cpu = (usage.cpu_seconds([backend]) - before) / times * 1000
        finally:
            await database.close()
        took.sort()
        return {"p95": took[int(0.95 * len(took))], "p50": statistics.median(took), "cpu": cpu, "found": found}

    async def _search(self, database: Database, filter: LogFilter) -> int:
        async with database.transaction(read_only=True):
            return len(await PostgresLogs(database).last(filter, LIMIT))


class Now(Clock):
    def now(self) -> datetime:
        return datetime.now(UTC)


def entry(number: int, at: str) -> dict[str, object]:
    """A log line, as the collector sends it."""
    service = f"web-{number % 50}"
    labels = {
        "capsule.dev/application": str(SMALL[number % 50]),
        "capsule.dev/environment": "production",
        "capsule.dev/deployment": str(SMALL[(number + 1) % 50]),
        "capsule.dev/collect": "true",
        "serving.knative.dev/service": service,
        "serving.knative.dev/revision": f"{service}-00001",
    }
    line = orjson.dumps(
        {"level": "info", "msg": f"request {number} handled", "http": {"path": f"/v1/orders/{number * 7919}", "status": 200}}
    ).decode()
    place = {"namespace": "app-shop", "pod": f"{service}-00001-deployment-0", "container": "user-container", "stream": "stdout"}
    return {"at": at, **place, "labels": labels, "line": line}


async def measure(bench: Bench, lines: int, rounds: int, times: int) -> list[Row]:
    bench.prepare_bodies()
    ingest, close = Row("ingest a log line", "per second of CPU", "lines/s"), Row("close a log line", "per second of CPU", "lines/s")
    for _ in range(rounds):
        ingest.add(SYSTEM, await bench.cost(bench.ingest))
        close.add(SYSTEM, await bench.cost(bench.close))
    rows = [ingest, close]
    if lines:
        await bench.fill(lines)
    for title, filter in SEARCHES.items() if lines else ():
        row = Row(f"search of {lines:,} lines: {title}", "ms, p95", "p95", more_is_better=False)
        row.add(SYSTEM, await bench.search(filter, times))
        rows.append(row)
    return rows


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./taskw bench --logs", description="Measure the ingest and the search of log lines.")
    parser.add_argument("--lines", type=int, default=10_000_000, metavar="N", help="lines to search, 0: only ingest (default: 10,000,000)")
    parser.add_argument("--quick", action="store_true", help="1,000,000 lines, one round")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of ingest (default: 5)")
    parser.add_argument("--times", type=int, default=20, metavar="N", help="repetitions of each search (default: 20)")
    options = parser.parse_args(arguments)
    lines, rounds = (min(options.lines, 1_000_000), 1) if options.quick else (options.lines, options.rounds)
    home = fresh_home("capsule-bench-logs-")
    try:
        home.create()
        rows = asyncio.run(measure(Bench(PostgreSQL(home)), lines, rounds, options.times))
    finally:
        discard(home)
    print(f"{os.cpu_count()} cores, medians of {rounds} rounds; load average {os.getloadavg()[2]:.1f} (15 minutes)\n\n{table(rows, SYSTEM)}")
    return 0
