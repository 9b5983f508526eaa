"""The databases: one part for each context, the roles of the tenants' server, and one part for each database of an application."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg import sql

from functions.deploy.adapters import postgres_dumps
from functions.deploy.adapters.service_provisioner import PostgresServiceProvisioner
from functions.deploy.adapters.variables import SERVICES_POSTGRES_URL
from functions.deploy.domain.service_plans import SMALL
from functions.runtime.config.settings import Settings
from functions.wire.backups.programs import ProgramFailed, feed, output_of, postgres_environment, postgres_program
from knative.machine import keys
from knative.machine.backup.parts import Gone, Moment, Source
from knative.machine.home import CONTEXTS, Home
from knative.machine.postgres import PostgreSQL
from knative.machine.postgres_server import SUPERUSER
from knative.machine.services_postgres import ServicesPostgres

TENANTS = "^s[0-9a-f]{16}$"
"""Databases of applications (`functions.deploy.domain.data_service`)."""
DUMP = ("--format=custom", "--compress=1", "--no-password")
RESTORE = ("--exit-on-error", "--single-transaction", "--no-password")


def dump_url(home: Home, context: str) -> str:
    """As the superuser of the local server, or as the owner on one of the operator's."""
    return keys.migration_url(home, context) if home.external_database_url(context) else PostgreSQL(home).url(SUPERUSER, context)


@dataclass(frozen=True, slots=True)
class ContextDump:
    home: Home
    context: str
    snapshot: str

    @property
    def name(self) -> str:
        return f"database-{self.context}"

    def read(self) -> Iterator[bytes]:
        environment = postgres_environment(dump_url(self.home, self.context))
        yield from output_of([postgres_program("pg_dump"), *DUMP, f"--snapshot={self.snapshot}"], environment)


class ContextDatabases:
    """The databases of the four contexts, of one moment."""

    title = "Databases"
    prefix = "database-"
    needs_servers = True

    def sources(self, home: Home, moment: Moment) -> Sequence[Source]:
        return [ContextDump(home, context, moment.snapshots[context]) for context in CONTEXTS]

    def restore(self, home: Home, name: str, chunks: Iterator[bytes]) -> None:
        context = name.removeprefix(self.prefix)
        command = [postgres_program("pg_restore"), *RESTORE, f"--dbname={'' if home.external_database_url(context) else context}"]
        if home.external_database_url(context):
            command = [*command[:-1], "--no-owner", "--no-privileges", f"--dbname={postgres_environment(dump_url(home, context))['PGDATABASE']}"]
        feed(chunks, command, postgres_environment(dump_url(home, context)))


@dataclass(frozen=True, slots=True)
class Roles:
    home: Home
    name: str = "services-roles"

    def read(self) -> Iterator[bytes]:
        yield from output_of(
            [postgres_program("pg_dumpall"), "--roles-only", "--no-password"],
            postgres_environment(ServicesPostgres(self.home).url(SUPERUSER, "postgres")),
        )


class ServiceRoles:
    """Roles of the tenants' server, with the verifiers of their passwords: applications go on with the URLs they have."""

    title = "Roles"
    prefix = "services-roles"
    needs_servers = True

    def sources(self, home: Home, moment: Moment) -> Sequence[Source]:
        return [Roles(home)] if home.has_services_postgres else []

    def restore(self, home: Home, name: str, chunks: Iterator[bytes]) -> None:
        with ServicesPostgres(home).superuser() as connection:  # the superuser, and the provisioner with its current login
            present = tuple(f"CREATE ROLE {each};" for (each,) in connection.execute("SELECT rolname FROM pg_roles").fetchall())
        lines = [line for line in b"".join(chunks).decode().splitlines() if line not in present]
        # Logins of dumps that ran during the backup are nobody's.
        script = "\n".join(line for line in lines if not re.search(r"\bs[0-9a-f]{16}_9[0-9]{8}\b", line))
        command = [postgres_program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", "--file=-"]
        feed([script.encode()], command, postgres_environment(ServicesPostgres(home).url(SUPERUSER, "postgres")))


@dataclass(frozen=True, slots=True)
class ServiceDump:
    home: Home
    database: str

    @property
    def name(self) -> str:
        return f"service-{self.database}"

    def read(self) -> Iterator[bytes]:
        try:
            yield from postgres_dumps.dump(ServicesPostgres(self.home).provisioner_url, self.database, self.database)
        except ProgramFailed as failure:
            if self.database not in _tenant_databases(self.home):
                raise Gone from failure
            raise


class ServiceDatabases:
    """Databases of applications. Each is of a moment of its own, during the backup."""

    title = "Services"
    prefix = "service-"
    needs_servers = True

    def sources(self, home: Home, moment: Moment) -> Sequence[Source]:
        return [ServiceDump(home, each) for each in _tenant_databases(home)] if home.has_services_postgres else []

    def restore(self, home: Home, name: str, chunks: Iterator[bytes]) -> None:
        database, url = name.removeprefix(self.prefix), ServicesPostgres(home).provisioner_url
        provisioner = PostgresServiceProvisioner(Settings({SERVICES_POSTGRES_URL.name: url}))
        asyncio.run(provisioner.create(database, SMALL))
        with ServicesPostgres(home).superuser() as connection:  # the roles came before: their logins may connect again
            logins = connection.execute("SELECT rolname FROM pg_roles WHERE rolname ~ %s", (f"^{database}_[0-9]+$",)).fetchall()
            for (login,) in logins:
                statement = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
                connection.execute(statement.format(sql.Identifier(database), sql.Identifier(login)))
        postgres_dumps.restore(url, database, database, chunks)


def _tenant_databases(home: Home) -> list[str]:
    with ServicesPostgres(home).superuser() as connection:
        return [row[0] for row in connection.execute("SELECT datname FROM pg_database WHERE datname ~ %s ORDER BY datname", (TENANTS,)).fetchall()]
