"""Data services: whether the PostgreSQL of applications answers and has room, and what Redis services occupy."""

from collections.abc import Iterator
from datetime import datetime

import psycopg

from knative.local.serving.postgres_services.files import ServerFiles, find_binaries
from knative.local.serving.redis_services.files import ServiceFiles
from knative.machine import packages, services_redis
from knative.machine.doctor.finding import Finding, Level
from knative.machine.home import Home
from knative.machine.services_postgres import ServicesPostgres
from knative.machine.status.row import size

CHECK = "services"
MAX_CONNECTIONS_PERCENT = 80
DATABASES = (
    "SELECT count(*), coalesce(sum(pg_database_size(oid)), 0)::bigint, (SELECT count(*) FROM pg_stat_activity WHERE datname ~ '^s[0-9a-f]{16}$'),"
    " current_setting('max_connections')::int, (SELECT count(*) FROM pg_roles WHERE rolname ~ '^s[0-9a-f]{16}_full$')"
    " FROM pg_database WHERE datname ~ '^s[0-9a-f]{16}$'"
)


def check(home: Home, _: datetime) -> Iterator[Finding]:
    if home.has_services_postgres:
        yield _check_postgres(home)
    if home.has_services_redis:
        yield _check_redis(home)
        yield _check_dedicated(home)


def _check_postgres(home: Home) -> Finding:
    server = ServicesPostgres(home)
    if not server.is_running():
        return Finding(CHECK, Level.NOTE, "not checked: the PostgreSQL of data services does not run. ./taskw up starts it")
    try:
        with server.superuser() as connection:
            row = connection.execute(DATABASES).fetchone()
    except psycopg.Error as error:
        return Finding(CHECK, Level.FAULT, f"the PostgreSQL of data services does not answer: {str(error).strip()}", f"./taskw logs {server.name}")
    assert row is not None, "an aggregate has a row"
    return decide_postgres(*row)


def decide_postgres(databases: int, total_bytes: int, connections: int, max_connections: int, full: int) -> Finding:
    summary = f"{databases} databases of applications with {size(total_bytes)}, {connections} of {max_connections} connections"
    if connections * 100 >= max_connections * MAX_CONNECTIONS_PERCENT:
        return Finding(CHECK, Level.FAULT, f"{summary}: almost none is left.", "See which applications have them: capsule services metrics NAME")
    if full:
        return Finding(CHECK, Level.NOTE, f"{summary}; {full} full: their applications may read and delete only")
    return Finding(CHECK, Level.GOOD, summary)


def _check_redis(home: Home) -> Finding:
    if packages.REDIS.find() is None:
        return Finding(CHECK, Level.FAULT, "no Redis service starts: neither valkey-server nor redis-server is installed.", "./taskw up installs it.")
    folder = home.path / services_redis.FOLDER
    found = [each for path in folder.glob("s*") if (each := ServiceFiles(path)).exists()] if folder.exists() else []
    return Finding(CHECK, Level.GOOD, f"{len(found)} Redis services with {size(sum(each.size_bytes() for each in found))}")


def _check_dedicated(home: Home) -> Finding:
    """Whether PostgreSQL of the version is installed that wrote each server's data: an upgrade of the system may have removed it."""
    folder = home.path / services_redis.DEDICATED
    found = [each for path in folder.glob("s*") if (each := ServerFiles(path)).exists() and each.data.exists()] if folder.exists() else []
    if missing := sorted({each.version for each in found if find_binaries(each.version) is None}):
        versions = ", ".join(map(str, missing))
        remedy = f"apt-get install {' '.join(f'postgresql-{each}' for each in missing)}"
        return Finding(CHECK, Level.FAULT, f"dedicated database servers do not start: PostgreSQL {versions} wrote their data.", remedy)
    return Finding(CHECK, Level.GOOD, f"{len(found)} dedicated database servers with {size(sum(each.size_bytes() for each in found))}")
