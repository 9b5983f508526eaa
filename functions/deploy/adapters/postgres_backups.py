"""Back up and restore databases of applications on the shared PostgreSQL server. Everything here blocks.

A restore goes into a database beside the one in use, which is then renamed into its place: both renames are one transaction, so the service has all
of the former data or all of the backup's, and its logins and its URL stay.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import psycopg
from psycopg import errors, sql

from functions.deploy.adapters import full_databases, postgres_dumps
from functions.deploy.adapters.postgres_dumps import CONNECT_TIMEOUT_SECONDS, end_sessions, execute
from functions.deploy.domain.data_service import DataService
from functions.kernel import Permanent
from functions.wire.service_databases import TEMPLATE

RENAME_ATTEMPTS = 20
RENAME_DELAY_SECONDS = 0.25
"""Sessions take a moment to end."""


class PostgresBackups:
    def __init__(self, server_url: str) -> None:
        """As the provisioner."""
        self._url = server_url

    def dump(self, service: DataService, write: Callable[[Iterable[bytes]], object]) -> Mapping[str, Any]:
        with postgres_dumps.counted_dump(self._url, service.database, service.database) as (chunks, rows):
            write(chunks)
        return {"rows": rows}

    def verify(self, service: DataService, backup_id: UUID, chunks: Callable[[], Iterable[bytes]], expected: Mapping[str, Any]) -> int:
        copy = f"{service.database}_v{backup_id.hex[-8:]}"
        with self._server() as connection:
            self._create(connection, service.database, copy)
            try:
                postgres_dumps.restore(self._url, service.database, copy, chunks())
                require_rows(postgres_dumps.count_rows(self._url, service.database, copy), expected["rows"])
            finally:
                execute(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", copy)
        return sum(expected["rows"].values())

    def restore(self, target: DataService, chunks: Callable[[], Iterable[bytes]], restore_id: UUID) -> None:
        live, fresh, former = target.database, f"{target.database}_r", f"{target.database}_o"
        with self._server() as connection:
            if self._mark(connection, live) != str(restore_id):
                self._create(connection, live, fresh)
                postgres_dumps.restore(self._url, live, fresh, chunks())
                connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(fresh), sql.Literal(str(restore_id))))
                logins = connection.execute("SELECT rolname FROM pg_roles WHERE rolname ~ %s", (f"^{live}_[0-9]+$",)).fetchall()
                for (login,) in logins:
                    execute(connection, "GRANT CONNECT ON DATABASE {} TO {}", fresh, login)
                execute(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", former)
                with self._closed(connection, live):
                    self._exchange(connection, live, fresh, former, [login for (login,) in logins])
            for leftover in (former, fresh):
                execute(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", leftover)

    def _exchange(self, connection: psycopg.Connection, live: str, fresh: str, former: str, logins: list[str]) -> None:
        for attempt in range(RENAME_ATTEMPTS):
            for login in logins:
                end_sessions(connection, login)
            try:
                with connection.transaction():
                    execute(connection, "ALTER DATABASE {} RENAME TO {}", live, former)
                    execute(connection, "ALTER DATABASE {} RENAME TO {}", fresh, live)
                return
            except errors.ObjectInUse:
                if attempt == RENAME_ATTEMPTS - 1:
                    raise
                time.sleep(RENAME_DELAY_SECONDS)

    @contextmanager
    def _closed(self, connection: psycopg.Connection, database: str) -> Iterator[None]:
        """No session begins in the database meanwhile. After a crash here it stays closed until the restore is tried again."""
        execute(connection, "ALTER DATABASE {} ALLOW_CONNECTIONS false", database)
        try:
            yield
        finally:  # of the new one, or of the former one after an error
            execute(connection, "ALTER DATABASE {} ALLOW_CONNECTIONS true", database)

    def _create(self, connection: psycopg.Connection, role: str, database: str) -> None:
        """Create an empty database for what a role owns, in place of one that an interruption left."""
        execute(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", database)
        query = "SELECT 1 FROM pg_database WHERE datname = %s AND datistemplate"
        has_template = connection.execute(query, (TEMPLATE,)).fetchone() is not None
        execute(connection, "CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'", database, TEMPLATE if has_template else "template0")
        execute(connection, "REVOKE ALL ON DATABASE {} FROM PUBLIC", database)
        execute(connection, "GRANT CREATE, TEMPORARY ON DATABASE {} TO {}", database, role)
        inside_url = urlunsplit(urlsplit(self._url)._replace(path=f"/{database}"))
        with psycopg.connect(inside_url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS) as inside:
            execute(inside, "ALTER SCHEMA public OWNER TO {}", role)
            execute(inside, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
        asyncio.run(_allow_large_objects(inside_url, role))

    def _mark(self, connection: psycopg.Connection, database: str) -> str | None:
        """Which restore the database is of."""
        query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
        row = connection.execute(query, (database,)).fetchone()
        return row[0] if row else None

    def _server(self) -> psycopg.Connection:
        return psycopg.connect(self._url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS)


async def _allow_large_objects(inside_url: str, role: str) -> None:
    async with await psycopg.AsyncConnection.connect(inside_url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS) as inside:
        await full_databases.allow_large_objects(inside, role)


def require_rows(found: Mapping[str, int], expected: Mapping[str, int]) -> None:
    """Raises Permanent."""
    for table in sorted(found.keys() | expected.keys()):
        if found.get(table) != expected.get(table):
            raise Permanent(f"the copy has {found.get(table, 'no')} rows in {table}, the backup was made of {expected.get(table, 'none')}")
