"""Databases of applications on a PostgreSQL server (15 or newer), as a role with CREATEDB and CREATEROLE that is no superuser.

All applications share the server, or a service has one for itself (`dedicated_provisioner`, `postgres_clusters`).

Each service has a database, a role that owns what is in it and cannot log in, and a login for each generation of its credentials,
whose sessions act as that role (`ALTER ROLE … SET role`). The database itself belongs to the provisioner, so its limits are not the
tenant's to change. CONNECT is revoked from PUBLIC. Extensions that PostgreSQL trusts can be created (CREATE on the database).
Names are random: every role sees those of all databases (pg_database), and hiding them would break psql and pg_dump.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import LiteralString
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import errors, sql

from functions.deploy.adapters import full_databases, variables
from functions.deploy.domain.service_plans import Plan
from functions.deploy.ports import (
    ServiceEndpoint,
    ServiceServerRefused,
    ServiceServerUnavailable,
    ServiceStatistics,
    ServiceUsage,
    SlowStatement,
    hit_ratio,
)
from functions.runtime.config.settings import Settings
from functions.runtime.storage.external_call import external_call
from functions.wire.service_databases import TEMPLATE
from functions.wire.settings import MissingSetting

PORT = 5432
CONNECT_TIMEOUT_SECONDS = 5
TEMPORARY = (errors.OperationalError, errors.InsufficientResources, errors.ObjectInUse, errors.UniqueViolation, errors.InternalError)
"""UniqueViolation and InternalError ("tuple concurrently updated"): two attempts at a time."""


class PostgresServiceProvisioner:
    """The adapter of the kind `postgres`: databases on one server that they share."""

    connect_timeout_seconds = CONNECT_TIMEOUT_SECONDS

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def endpoint(self, database: str) -> ServiceEndpoint:
        url = urlsplit(shared_server_url(self._settings))
        return ServiceEndpoint(url.hostname or "", url.port or PORT)

    @external_call
    async def create(self, database: str, plan: Plan) -> None:
        async with self._connection(database) as connection:
            await _ensure_role(connection, database, "NOLOGIN")
            await _execute(connection, "GRANT {} TO CURRENT_USER", database)  # to give it the schema
            if not await _exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s", database):
                has_template = await _exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s AND datistemplate", TEMPLATE)
                template = TEMPLATE if has_template else "template0"
                await _execute(connection, "CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'", database, template)
            await _execute(connection, "REVOKE ALL ON DATABASE {} FROM PUBLIC", database)
            await _execute(connection, "GRANT CREATE, TEMPORARY ON DATABASE {} TO {}", database, database)
        async with self._connection(database, database) as connection:
            await _execute(connection, "ALTER SCHEMA public OWNER TO {}", database)
            await _execute(connection, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
            await full_databases.allow_large_objects(connection, database)

    @external_call
    async def add_login(self, database: str, login: str, password: str, plan: Plan) -> str:
        async with self._connection(database) as connection:
            await _ensure_role(connection, login, "NOLOGIN")
            role = full_databases.reader_of(database) if await full_databases.is_full(connection, database) else database
            await _execute(connection, "GRANT {} TO {}", role, login)
            for setting in (
                sql.SQL("role = {}").format(sql.Identifier(role)),
                sql.SQL("statement_timeout = {}").format(sql.Literal(f"{plan.statement_timeout_seconds or 0}s")),
            ):
                await connection.execute(sql.SQL("ALTER ROLE {} SET {}").format(sql.Identifier(login), setting))
            await connection.execute(
                sql.SQL("ALTER ROLE {} LOGIN CONNECTION LIMIT {} PASSWORD {}").format(
                    sql.Identifier(login), sql.Literal(plan.max_connections), sql.Literal(password)
                )
            )
            await _execute(connection, "GRANT CONNECT ON DATABASE {} TO {}", database, login)
        return f"postgresql://{login}:{password}@{self._address()}/{database}"

    @external_call
    async def drop_login(self, database: str, login: str) -> None:
        async with self._connection(database) as connection:
            await self._drop_login(connection, database, login)

    @external_call
    async def delete(self, database: str) -> None:
        async with self._connection(database) as connection:
            logins = await _logins(connection, database)
            for login in logins:
                await _execute(connection, "ALTER ROLE {} NOLOGIN", login)
            copies = await connection.execute("SELECT datname FROM pg_database WHERE datname ~ %s", (f"^{database}(_[a-z][0-9a-f]*)?$",))
            for (each,) in await copies.fetchall():  # also those that an interrupted restore has left
                await _execute(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", each)
            for role in (*logins, full_databases.reader_of(database), database):
                await _execute(connection, "DROP ROLE IF EXISTS {}", role)

    @external_call
    async def usage(self, database: str) -> ServiceUsage:
        async with self._connection(database) as connection:
            cursor = await connection.execute(
                "SELECT pg_database_size(datname), (SELECT count(*) FROM pg_stat_activity AS session WHERE session.datname = database.datname)"
                " FROM pg_database AS database WHERE datname = %s",
                (database,),
            )
            row = await cursor.fetchone()
            return ServiceUsage(*row) if row else ServiceUsage(0, 0)

    @external_call
    async def statistics(self, database: str) -> ServiceStatistics:
        async with self._connection(database) as connection:
            cursor = await connection.execute(
                "SELECT pg_database_size(datname), numbackends, xact_commit, xact_rollback, blks_hit, blks_read"
                " FROM pg_stat_database WHERE datname = %s",
                (database,),
            )
            row = await cursor.fetchone()
        if row is None:
            return ServiceStatistics(0, 0)
        size, connections, commits, rollbacks, hits, reads = row
        return ServiceStatistics(size, connections, operations=commits, failures=rollbacks, hit_ratio=hit_ratio(hits, reads))

    @external_call
    async def slow_statements(self, database: str) -> list[SlowStatement]:
        return []

    @external_call
    async def log(self, database: str) -> list[str]:
        return []

    @external_call
    async def set_writable(self, database: str, is_writable: bool) -> None:
        reader = full_databases.reader_of(database)
        async with self._connection(database) as connection:
            logins = await _logins(connection, database)
            if not is_writable:
                await _ensure_role(connection, reader, "NOLOGIN")
                await _execute(connection, "GRANT {} TO CURRENT_USER", reader)
            elif not await full_databases.is_full(connection, database):
                return
            role, former = (database, reader) if is_writable else (reader, database)
            for login in logins:
                await _execute(connection, "REVOKE {} FROM {}", former, login)
                await _execute(connection, "GRANT {} TO {}", role, login)
                await _execute(connection, "ALTER ROLE {} SET role = {}", login, role)
                await _end_sessions(connection, login)
            async with self._connection(database, database) as inside:
                await (full_databases.lift(inside, database) if is_writable else full_databases.restrict(inside, database, logins))
            if is_writable:
                await _execute(connection, "DROP ROLE {}", reader)

    @external_call
    async def set_open(self, database: str, is_open: bool) -> None:
        """Let applications log in, or refuse them and end their sessions."""
        async with self._connection(database) as connection:
            for login in await _logins(connection, database):
                await _execute(connection, "ALTER ROLE {} " + ("LOGIN" if is_open else "NOLOGIN"), login)
                if not is_open:
                    await _end_sessions(connection, login)

    @external_call
    async def reclaim(self, database: str) -> None:
        async with self._connection(database, database) as inside:
            await full_databases.reclaim(inside, database)

    async def _drop_login(self, connection: psycopg.AsyncConnection, database: str, login: str) -> None:
        if not await _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", login):
            return
        await _execute(connection, "ALTER ROLE {} NOLOGIN", login)  # no session begins from here on
        await _execute(connection, "GRANT {} TO CURRENT_USER", login)
        await _end_sessions(connection, login)
        async with self._connection(database, database) as inside:  # what a session made after RESET ROLE
            await _execute(inside, "REASSIGN OWNED BY {} TO {}", login, database)
            await _execute(inside, "DROP OWNED BY {}", login)
        await _execute(connection, "REVOKE ALL ON DATABASE {} FROM {}", database, login)
        await _execute(connection, "DROP ROLE {}", login)

    @asynccontextmanager
    async def _connection(self, service: str, database: str = "") -> AsyncIterator[psycopg.AsyncConnection]:
        """Connect to a service's server, with autocommit: CREATE DATABASE runs in no transaction. `database`: empty: that of the server's URL.

        Raises ServiceServerUnavailable and ServiceServerRefused.
        """
        url = urlsplit(await self.server_url(service))
        address = urlunsplit(url._replace(path=f"/{database}")) if database else url.geturl()
        try:
            async with await psycopg.AsyncConnection.connect(address, autocommit=True, connect_timeout=self.connect_timeout_seconds) as connection:
                yield connection
        except TEMPORARY as error:
            raise ServiceServerUnavailable(f"the server of the data services: {_first_line(error)}") from error
        except psycopg.Error as error:
            raise ServiceServerRefused(f"the server of the data services: {_first_line(error)}") from error

    async def server_url(self, service: str) -> str:
        """Where the provisioner logs in. Raises ServiceServerUnavailable and ServiceServerRefused."""
        return shared_server_url(self._settings)

    def _address(self) -> str:
        """Where applications reach the server, as host:port."""
        return self._settings.value(variables.SERVICES_POSTGRES_ADDRESS).text


def shared_server_url(settings: Settings) -> str:
    """Raises ServiceServerUnavailable."""
    try:
        return str(settings.value(variables.SERVICES_POSTGRES_URL))
    except MissingSetting as missing:
        raise ServiceServerUnavailable(f"no server for data services is configured: {missing}") from missing


def _first_line(error: psycopg.Error) -> str:
    """Without DETAIL and CONTEXT, which may contain values."""
    return (error.diag.message_primary or str(error)).partition("\n")[0]


async def _ensure_role(connection: psycopg.AsyncConnection, name: str, options: LiteralString) -> None:
    if not await _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", name):
        await _execute(connection, "CREATE ROLE {} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS " + options, name)


async def _logins(connection: psycopg.AsyncConnection, database: str) -> list[str]:
    cursor = await connection.execute("SELECT rolname FROM pg_roles WHERE rolname ~ %s ORDER BY rolname", (f"^{database}_[0-9]+$",))
    return [row[0] for row in await cursor.fetchall()]


async def _end_sessions(connection: psycopg.AsyncConnection, login: str) -> None:
    """A role that is a member of the login may end its sessions."""
    await _execute(connection, "GRANT {} TO CURRENT_USER", login)
    await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s AND pid <> pg_backend_pid()", (login,))


async def _exists(connection: psycopg.AsyncConnection, query: LiteralString, name: str) -> bool:
    return await (await connection.execute(query, (name,))).fetchone() is not None


async def _execute(connection: psycopg.AsyncConnection, statement: LiteralString, *names: str) -> None:
    await connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
