"""Dump and restore one database of an application, with pg_dump and pg_restore, as streams.

What is in a dump runs when it is restored: functions of the tenant in indexes and constraints. So both programs log in as a role that may do what the
tenant may do and nothing else: never as the provisioner or a superuser, whose rights the dump could take with RESET ROLE. The login lives as long as
the program. Everything here blocks.

Privileges are not dumped: all logins of a database act as its owner, and those of the server's own functions (`full_databases`) are the template's.
"""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import LiteralString
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from functions.wire.backups.programs import feed, output_of, postgres_environment, postgres_program

CONNECT_TIMEOUT_SECONDS = 10
MAX_CONNECTIONS = 2
DUMP = ("--format=custom", "--compress=1", "--no-owner", "--no-privileges", "--no-password", "--lock-wait-timeout=60s")
RESTORE = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", "--no-password")
_SESSION = "9[0-9]{8}"
"""Number of a login for one dump. Generations of credentials count from 1 and stay below."""


def dump(server_url: str, role: str, database: str) -> Iterator[bytes]:
    """Yield a dump in pg_dump's custom format, as of one moment. `server_url`: as the provisioner. `role`: owns what is in the database.

    Raises ProgramFailed after the last chunk if it is not complete, and psycopg.Error.
    """
    with login(server_url, role, database) as url:
        yield from output_of([postgres_program("pg_dump"), *DUMP], postgres_environment(url))


@contextmanager
def counted_dump(server_url: str, role: str, database: str) -> Iterator[tuple[Iterator[bytes], dict[str, int]]]:
    """Yield a dump, and the number of rows of each table, both as of one moment."""
    with login(server_url, role, database) as url, psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_SECONDS) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        counts = _count(connection)
        yield output_of([postgres_program("pg_dump"), *DUMP, f"--snapshot={row[0]}"], postgres_environment(url)), counts


def restore(server_url: str, role: str, database: str, chunks: Iterable[bytes]) -> None:
    """Restore a dump into an empty database, whole or not at all. Raises ProgramFailed, psycopg.Error, and what `chunks` raises."""
    with login(server_url, role, database) as url:
        # A cut input is not committed: pg_restore is killed if `chunks` raises, and reads to the end before it commits.
        feed(chunks, [postgres_program("pg_restore"), *RESTORE, f"--dbname={database}"], postgres_environment(url))


def count_rows(server_url: str, role: str, database: str) -> dict[str, int]:
    """The number of rows of each table, by `schema.table`."""
    with login(server_url, role, database) as url, psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_SECONDS) as connection:
        return _count(connection)


def _count(connection: psycopg.Connection) -> dict[str, int]:
    names = connection.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"
    ).fetchall()
    counts = {}
    for schema, table in names:
        row = connection.execute(sql.SQL("SELECT count(*) FROM ONLY {}").format(sql.Identifier(schema, table))).fetchone()
        counts[f"{schema}.{table}"] = int(row[0]) if row else 0
    return counts


@contextmanager
def login(server_url: str, role: str, database: str) -> Iterator[str]:
    """A login that acts as the owner of what is in a database, and may connect to it. Yields its URL; it ends with the body."""
    name, password = f"{role}_9{secrets.randbelow(10**8):08}", secrets.token_hex(24)
    with _connection(server_url) as connection:
        _drop_unused(connection, server_url, role)
        execute(connection, "CREATE ROLE {} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOLOGIN", name)
        execute(connection, "GRANT {} TO {}", role, name)
        execute(connection, "ALTER ROLE {} SET role = {}", name, role)
        statement = sql.SQL("ALTER ROLE {} LOGIN CONNECTION LIMIT {} PASSWORD {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Literal(MAX_CONNECTIONS), sql.Literal(password)))
        execute(connection, "GRANT CONNECT ON DATABASE {} TO {}", database, name)
    host = urlsplit(server_url).netloc.rpartition("@")[2]
    try:
        yield urlunsplit(urlsplit(server_url)._replace(netloc=f"{name}:{password}@{host}", path=f"/{database}"))
    finally:
        with _connection(server_url) as connection:
            _drop(connection, server_url, name, {role, database})


def _drop_unused(connection: psycopg.Connection, server_url: str, role: str) -> None:
    """Delete logins of processes that were killed: those without a session."""
    query = "SELECT rolname FROM pg_roles WHERE rolname ~ %s AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE usename = rolname)"
    databases = {row[0] for row in connection.execute("SELECT datname FROM pg_database WHERE datname ~ %s", (f"^{role}(_[a-z][0-9a-f]*)?$",))}
    for (name,) in connection.execute(query, (f"^{role}_{_SESSION}$",)).fetchall():
        _drop(connection, server_url, name, databases)


def _drop(connection: psycopg.Connection, server_url: str, name: str, databases: set[str]) -> None:
    """`databases`: to which it may have a privilege."""
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is None:
        return
    execute(connection, "ALTER ROLE {} NOLOGIN", name)
    end_sessions(connection, name)
    for database in databases:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone() is not None:
            with _connection(urlunsplit(urlsplit(server_url)._replace(path=f"/{database}"))) as inside:  # what it made after RESET ROLE
                execute(inside, "REASSIGN OWNED BY {} TO {}", name, name.rpartition("_")[0])
                execute(inside, "DROP OWNED BY {}", name)
            execute(connection, "REVOKE ALL ON DATABASE {} FROM {}", database, name)
    execute(connection, "DROP ROLE {}", name)


def end_sessions(connection: psycopg.Connection, name: str) -> None:
    """A role that is a member of a login may end its sessions."""
    execute(connection, "GRANT {} TO CURRENT_USER", name)
    connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s AND pid <> pg_backend_pid()", (name,))


def _connection(url: str) -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS)


def execute(connection: psycopg.Connection, statement: LiteralString, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
