"""The local PostgreSQL: one server on loopback, one database per context, each with three roles.

The owner migrates, the functions' role reads and writes rows, the reader's role only reads. No role can connect to another context's database:
CONNECT is revoked from PUBLIC on every database, including PostgreSQL's own.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import psycopg
from psycopg import sql

from knative.machine import accounts, postgres_roles, row_privileges, secrets, tls
from knative.machine.home import CONTEXTS, LOOPBACK
from knative.machine.postgres_roles import ROLES
from knative.machine.postgres_server import SUPERUSER, PostgresServer
from knative.machine.server_variables import TLS


@dataclass(frozen=True)
class Database:
    """A context's database and its URL for each role."""

    name: str
    owner_url: str
    functions_url: str
    reader_url: str


class PostgreSQL(PostgresServer):
    """The server of the platform in the state folder."""

    name = "postgres"
    title = "PostgreSQL"

    @property
    def port(self) -> int:
        return int(self.home.ports.postgres)

    def url(self, role: str, database: str) -> str:
        """URL of a database for a role of this server, with the role's current login."""
        login = postgres_roles.login(self.home, role)
        return f"postgresql://{login.name}:{login.password}@{LOOPBACK}:{self.home.ports.postgres}/{database}{self._url_options}"

    @property
    def has_tls(self) -> bool:
        """Whether the server was started with CAPSULE_TLS."""
        return self._configuration.exists() and "ssl = 'on'" in self._configuration.read_text()

    @property
    def _url_options(self) -> str:
        if not self.has_tls:
            return ""
        return "?" + urlencode({"sslmode": "verify-full", "sslrootcert": str(tls.authority(self.home)), "ssl_min_protocol_version": "TLSv1.3"})

    def renew_certificate(self) -> None:
        """Use the present certificate for new connections."""
        tls.install(self.home, self.data, self._account())
        with self.superuser() as connection:
            connection.execute("SELECT pg_reload_conf()")

    def database(self, context: str, name: str = "") -> Database:
        """A context's database. `name` selects another database with the roles of that context."""
        name = name or context
        owner, functions, reader = (self.url(f"{context}_{role}", name) for role in ROLES)
        return Database(name, owner, functions, reader)

    def create_databases(self) -> None:
        """Create databases, roles and privileges. Idempotent."""
        with self.superuser() as connection:
            for name in ("postgres", "template1"):
                connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
            existing = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
            for context in CONTEXTS:
                postgres_roles.create(connection, self.home, context)
                if context not in existing:
                    create = "CREATE DATABASE {} OWNER {}"
                    connection.execute(sql.SQL(create).format(sql.Identifier(context), sql.Identifier(f"{context}_owner")))
                grant_connect(connection, context, context)
        for context in CONTEXTS:
            with self.superuser(context) as connection:
                _grant_rows(connection, context)
                if context == "monitor" and self._has_timescale():
                    connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")

    def _has_timescale(self) -> bool:
        with self.superuser() as connection:
            return connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone() is not None

    def _settings(self, folder: Path, account: accounts.Account | None) -> dict[str, str]:
        settings = {
            "max_connections": "200",
            "shared_buffers": "128MB",
            "max_wal_size": "1GB",
            "idle_in_transaction_session_timeout": "5min",
        }
        libraries = (folder.parent / "lib", folder.parent / "lib" / "postgresql")  # Debian and Homebrew
        if any((library / f"timescaledb{suffix}").exists() for library in libraries for suffix in (".so", ".dylib")):
            settings |= {"shared_preload_libraries": "timescaledb", "timescaledb.telemetry_level": "off"}
        if TLS.read(self.home.environment):
            tls.ensure(self.home)
            file = str(tls.install(self.home, self.data, account))
            settings |= {"ssl": "on", "ssl_cert_file": file, "ssl_key_file": file, "ssl_min_protocol_version": "TLSv1.3"}
        return settings

    def _access_rules(self) -> str:
        """With CAPSULE_TLS, refuse connections without TLS."""
        kind = "hostssl" if TLS.read(self.home.environment) else "host"
        return "".join(f"{kind} {databases} all {LOOPBACK}/32 scram-sha-256\n" for databases in ("all", "replication"))

    def _superuser_password(self) -> str:
        return secrets.password(self.home, SUPERUSER)


def grant_connect(connection: psycopg.Connection, database: str, context: str) -> None:
    """Allow only the roles of `context` to connect to `database`."""
    for statement in (
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {owner}",
        "GRANT CONNECT ON DATABASE {database} TO {functions}, {reader}",
    ):
        connection.execute(sql.SQL(statement).format(database=sql.Identifier(database), **_roles(context)))


def _grant_rows(connection: psycopg.Connection, context: str) -> None:
    """Grant privileges on the tables of a context, existing and future, as the owner."""
    roles = _roles(context)
    connection.execute(sql.SQL("ALTER SCHEMA public OWNER TO {owner}").format(**roles))
    connection.execute(sql.SQL("SET ROLE {owner}").format(**roles))
    row_privileges.grant(connection, f"{context}_functions", f"{context}_reader")
    connection.execute("RESET ROLE")


def _roles(context: str) -> dict[str, sql.Identifier]:
    return {role: sql.Identifier(f"{context}_{role}") for role in ROLES}
