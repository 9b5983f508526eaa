"""Data services in figures: `python -m tests.bench.data_services`. A server of its own, as `./taskw up` starts it for databases of applications.

Beside it the servers that Redis services and dedicated databases have. What 100 idle services cost, what a new one takes, how fast a backup is
restored, and what a tenant notices of another one that uses all it may.
"""

import asyncio
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import psutil
import psycopg

from functions.deploy.adapters.postgres_backups import PostgresBackups
from functions.deploy.adapters.service_provisioner import PostgresServiceProvisioner
from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.service_plans import SMALL
from functions.runtime.config.settings import Settings
from knative.machine import packages, processes
from knative.machine.services_postgres import ServicesPostgres
from tests.bench import services_with_servers, usage
from tests.bench.services_with_servers import Fronts
from tests.servers import discard, fresh_home

IDLE_DATABASES = 100
ROWS, ROW_BYTES = 400_000, 1000
SECONDS = 10.0
CHUNK_BYTES = 1 << 20


class Tenants:
    def __init__(self, server: ServicesPostgres) -> None:
        self._server = server
        settings = {"CAPSULE_SERVICES_POSTGRES_URL": server.provisioner_url, "CAPSULE_SERVICES_POSTGRES_ADDRESS": f"127.0.0.1:{server.port}"}
        self._provisioner = PostgresServiceProvisioner(Settings(settings))

    def create(self) -> str:
        """Create a database with a login. Returns its URL."""
        database = f"s{uuid4().hex[:16]}"

        async def run() -> str:
            await self._provisioner.create(database, SMALL)
            return await self._provisioner.add_login(database, f"{database}_1", uuid4().hex, SMALL)

        return asyncio.run(run())

    def process(self) -> psutil.Process:
        found = processes.find_running(self._server.home, self._server.name)
        assert found is not None
        return found

    def memory_mb(self) -> float:
        return usage.resident([self.process()])

    def size_mb(self) -> float:
        return sum(path.stat().st_size for path in self._server.data.rglob("*") if path.is_file()) / 1e6


def main() -> None:
    home = fresh_home("capsule-bench-services-")
    home.create()
    packages.install([packages.POSTGRES], print)
    server = ServicesPostgres(home)
    try:
        server.start()
        server.create_provisioner()
        tenants = Tenants(server)
        measure_idle(tenants)
        measure_restore(tenants, server)
        fronts = Fronts(home, server.port)
        try:
            services_with_servers.measure(fronts)
            measure_neighbours(tenants, fronts)
        finally:
            fronts.close()
    finally:
        discard(home)


def measure_idle(tenants: Tenants) -> None:
    use(tenants.create())
    memory, size = tenants.memory_mb(), tenants.size_mb()
    seconds = []
    for _ in range(IDLE_DATABASES):
        began = time.perf_counter()
        url = tenants.create()
        use(url)
        seconds.append(time.perf_counter() - began)
    time.sleep(5)
    print(f"new database, with its login and a first statement: {statistics.median(seconds) * 1000:.0f} ms (median of {IDLE_DATABASES})")
    print(f"memory of the server: {memory:.1f} MB with 1 idle database, {tenants.memory_mb():.1f} MB with {IDLE_DATABASES + 1}")
    print(f"disk of a database: {(tenants.size_mb() - size) / IDLE_DATABASES:.1f} MB")


def use(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("CREATE TABLE notes (id serial PRIMARY KEY, text text)")


def measure_restore(tenants: Tenants, server: ServicesPostgres) -> None:
    url = tenants.create()
    database = url.rpartition("/")[2]
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("CREATE TABLE notes (id serial PRIMARY KEY, text text)")
        text = "(SELECT string_agg(md5(g::text || n::text), '') FROM generate_series(1, %s) AS n)"
        session.execute(f"INSERT INTO notes (text) SELECT {text} FROM generate_series(1, %s) AS g", (ROW_BYTES // 32, ROWS))  # type: ignore[arg-type]
    with server.superuser() as superuser:
        row = superuser.execute("SELECT pg_database_size(%s)", (database,)).fetchone()
    assert row is not None
    size_mb = row[0] / 1e6
    backups, service = PostgresBackups(server.provisioner_url), cast(DataService, SimpleNamespace(database=database))
    with TemporaryFile() as file:
        began = time.perf_counter()
        facts = backups.dump(service, lambda chunks: [file.write(each) for each in chunks])
        dumped = time.perf_counter() - began
        stored_mb = file.tell() / 1e6

        def chunks() -> Iterator[bytes]:
            file.seek(0)
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

        began = time.perf_counter()
        backups.restore(service, chunks, uuid4())
        restored = time.perf_counter() - began
    with psycopg.connect(url) as session:
        assert session.execute("SELECT count(*) FROM notes").fetchone() == (ROWS,) and sum(cast(Any, facts)["rows"].values()) == ROWS
    rates = f"dumped at {size_mb / dumped:.0f} MB/s, restored at {size_mb / restored:.0f} MB/s"
    print(f"database of {size_mb:.0f} MB, dump of {stored_mb:.0f} MB: {rates}")


def measure_neighbours(tenants: Tenants, fronts: Fronts) -> None:
    quiet, loud = tenants.create(), tenants.create()
    dedicated = fronts.create_database()
    with psycopg.connect(quiet, autocommit=True) as session:
        session.execute("CREATE TABLE notes (id serial PRIMARY KEY, text text)")
        print(f"a tenant alone: {latencies(session)}")
        for title, statement in LOADS.items():
            with busy(loud, statement):
                print(f"beside another with {SMALL.max_connections} connections, {title}: {latencies(session)}")
    with psycopg.connect(dedicated, autocommit=True) as session:
        session.execute("CREATE TABLE notes (id serial PRIMARY KEY, text text)")
        print(f"a dedicated database alone, {'with' if fronts.has_groups else 'without'} control groups: {latencies(session)}")
        for title, statement in LOADS.items():
            with busy(loud, statement):
                print(f"a dedicated database beside that shared one, {title}: {latencies(session)}")
    with psycopg.connect(quiet, autocommit=True) as session, busy(dedicated, LOADS["all computing"]):
        print(f"a shared one beside a dedicated one with {SMALL.max_connections} connections, all computing: {latencies(session)}")


LOADS = {
    "all computing": "SELECT sum(length(md5(g::text))) FROM generate_series(1, 3000000) AS g",
    "all sorting on disk": "SELECT count(*) FROM (SELECT md5(g::text) AS text FROM generate_series(1, 300000) AS g ORDER BY text) AS sorted",
    "all writing": "CREATE TEMPORARY TABLE IF NOT EXISTS many (text text); INSERT INTO many SELECT repeat('x', 500) FROM generate_series(1, 20000);"
    " TRUNCATE many; CREATE TABLE IF NOT EXISTS kept (text text); INSERT INTO kept SELECT repeat('x', 500) FROM generate_series(1, 2000)",
}


def latencies(session: psycopg.Connection) -> str:
    """Of a committed INSERT and a SELECT by key, again and again."""
    found, end = [], time.monotonic() + SECONDS
    while time.monotonic() < end:
        began = time.perf_counter()
        row = session.execute("INSERT INTO notes (text) VALUES ('x') RETURNING id").fetchone()
        session.execute("SELECT text FROM notes WHERE id = %s", row)
        found.append((time.perf_counter() - began) * 1000)
    found.sort()
    p50, p95 = found[len(found) // 2], found[int(len(found) * 0.95)]
    return f"{len(found) / SECONDS:.0f} per second, p50 {p50:.1f} ms, p95 {p95:.1f} ms, longest {found[-1]:.0f} ms"


@contextmanager
def busy(url: str, statement: str) -> Iterator[None]:
    ends = threading.Event()

    def run() -> None:
        with psycopg.connect(url, autocommit=True) as session:
            while not ends.is_set():
                try:
                    session.execute(statement)  # type: ignore[arg-type]
                except (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateObject, psycopg.errors.DuplicateTable):
                    continue  # two create the table at once

    threads = [threading.Thread(target=run, daemon=True) for _ in range(SMALL.max_connections)]
    for each in threads:
        each.start()
    time.sleep(1)
    try:
        yield
    finally:
        ends.set()
        for each in threads:
            each.join()


if __name__ == "__main__":
    main()
