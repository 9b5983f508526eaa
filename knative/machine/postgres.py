"""The local PostgreSQL: one server on loopback, one database per context, each with three roles.

The owner migrates, the functions' role reads and writes rows, the reader's role only reads. No role can connect to another context's database:
CONNECT is revoked from PUBLIC on every database, including PostgreSQL's own.
"""

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import psycopg
from psycopg import sql

from knative.machine import accounts, leftovers, packages, postgres_roles, processes, row_privileges, secrets, tls
from knative.machine.home import CONTEXTS, LOOPBACK, Home
from knative.machine.postgres_roles import ROLES
from knative.machine.problems import Problem
from knative.machine.variables import TLS

SUPERUSER = "postgres"


@dataclass(frozen=True)
class Database:
    """A context's database and its URL for each role."""

    name: str
    owner_url: str
    functions_url: str
    reader_url: str


class PostgreSQL:
    """The server in the state folder. `durable=False` turns fsync off, for tests."""

    name = "postgres"

    def __init__(self, home: Home, *, durable: bool = True) -> None:
        self.home = home
        self.data = home.path / "postgres"
        self.durable = durable

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

    @property
    def _configuration(self) -> Path:
        return self.data / "capsule.conf"

    def renew_certificate(self) -> None:
        """Use the present certificate for new connections."""
        tls.install(self.home, self.data, accounts.server_account("postgres"))
        with self.superuser() as connection:
            connection.execute("SELECT pg_reload_conf()")

    def database(self, context: str, name: str = "") -> Database:
        """A context's database. `name` selects another database with the roles of that context."""
        name = name or context
        owner, functions, reader = (self.url(f"{context}_{role}", name) for role in ROLES)
        return Database(name, owner, functions, reader)

    def is_running(self) -> bool:
        return processes.find_running(self.home, self.name) is not None

    def start(self) -> None:
        """Start the server, creating its data folder at first use, and wait until it is ready. Idempotent. Raises: Problem."""
        processes.ensure_ready(self.home, self.name, self._start, self.is_ready)

    def _start(self) -> None:
        folder = packages.find_postgres()
        if folder is None:
            raise Problem("PostgreSQL is not installed.", "./taskw up installs it.")
        leftovers.kill_remains(self.home, self.name)
        processes.require_free_ports({"PostgreSQL": self.home.ports.postgres})
        account = accounts.server_account("postgres")
        accounts.own(self.data.parent, None, 0o711)
        accounts.own(self.data, account)
        if not (self.data / "PG_VERSION").exists():
            self._create(folder, account)
        self._require_version(folder)
        self._configure(folder, account)
        self._remove_stale_lock()
        processes.start(
            self.home,
            self.name,
            [str(folder / "postgres"), "-D", str(self.data)],
            environment=self._environment(),
            account=account,
            folder=self.data,
        )

    def _remove_stale_lock(self) -> None:
        """Remove the lock file of a server that was killed. PostgreSQL refuses to start when its pid now belongs to any process of the same user.

        Raises: Problem when a server that Capsule has not started uses the data.
        """
        pid = leftovers.find_locking_pid(self.home)
        if any(process.pid == pid for process in leftovers.find_postgres(self.home)):
            raise Problem(f"Another PostgreSQL (pid {pid}) uses the data in {self.data}.", f"Stop it: kill {pid}")
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def is_ready(self) -> bool:
        """Whether the superuser can connect."""
        if not processes.accepts_connections(self.home.ports.postgres):
            return False
        try:
            self.superuser().close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> bool:
        """Stop with SIGINT, PostgreSQL's "fast" shutdown: it ends sessions and writes a checkpoint. SIGTERM would wait for clients."""
        return processes.stop(self.home, self.name, timeout_seconds=30, signal_number=signal.SIGINT)

    def superuser(self, database: str = "postgres") -> psycopg.Connection:
        """Connect as the superuser, with autocommit."""
        return psycopg.connect(self.url(SUPERUSER, database), autocommit=True, connect_timeout=5)

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

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in self.home.environment.items() if name in ("PATH", "TZ", "LD_LIBRARY_PATH", "TMPDIR")}
        return {**inherited, "LC_ALL": "C"}

    def _create(self, folder: Path, account: accounts.Account | None) -> None:
        """Run initdb in a temporary folder and move it into place when it is complete."""
        temporary = self.data.with_name("postgres.new")
        shutil.rmtree(temporary, ignore_errors=True)
        accounts.own(temporary, account)
        file = self.home.path / ".postgres-password"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(secrets.password(self.home, SUPERUSER))
        if account:
            shutil.chown(file, account.uid, account.gid)
        options = ("--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--data-checksums")
        command = [folder / "initdb", "-D", temporary, "-U", SUPERUSER, "--pwfile", file, *options]
        try:
            with processes.log_path(self.home, self.name).open("ab") as log:
                result = subprocess.run(
                    list(map(str, command)), cwd=temporary, stdout=log, stderr=log, env=self._environment(),
                    **(account.popen_options() if account else {}),
                )  # fmt: skip
        finally:
            file.unlink()
        if result.returncode != 0:
            raise Problem(f"initdb failed:\n{processes.log_tail(self.home, self.name)}", "Fix the cause, then ./taskw up")
        self.data.rmdir()
        temporary.rename(self.data)

    def _require_version(self, folder: Path) -> None:
        data_version, installed = (self.data / "PG_VERSION").read_text().strip(), packages.postgres_version(folder)
        if int(data_version) != installed:
            raise Problem(
                f"PostgreSQL {data_version} wrote the data in {self.data}; this machine has version {installed}.",
                f"Install PostgreSQL {data_version} too, or run pg_upgrade, or delete the data: ./taskw reset",
            )

    def _has_timescale(self) -> bool:
        with self.superuser() as connection:
            return connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone() is not None

    def _configure(self, folder: Path, account: accounts.Account | None) -> None:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": self.home.ports.postgres,
            "unix_socket_directories": "",
            "max_connections": 200,
            "shared_buffers": "128MB",
            "max_wal_size": "1GB",
            "jit": "off",  # compiling short statements costs more than it saves
            "random_page_cost": "1.1",
            "idle_in_transaction_session_timeout": "5min",
            "log_line_prefix": "%m [%p] %q%u@%d ",
            "log_checkpoints": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "fsync": "on" if self.durable else "off",
            "full_page_writes": "on" if self.durable else "off",
            "autovacuum_naptime": "1min",
        }
        libraries = (folder.parent / "lib", folder.parent / "lib" / "postgresql")  # Debian and Homebrew
        if any((library / f"timescaledb{suffix}").exists() for library in libraries for suffix in (".so", ".dylib")):
            settings |= {"shared_preload_libraries": "timescaledb", "timescaledb.telemetry_level": "off"}
        if TLS.read(self.home.environment):
            tls.ensure(self.home)
            file = str(tls.install(self.home, self.data, account))
            settings |= {"ssl": "on", "ssl_cert_file": file, "ssl_key_file": file, "ssl_min_protocol_version": "TLSv1.3"}
        self._require_tls()
        configuration = self._configuration
        configuration.write_text("".join(f"{name} = '{value}'\n" for name, value in settings.items()))
        main = self.data / "postgresql.conf"
        if "include 'capsule.conf'" not in main.read_text():
            with main.open("a") as opened:
                opened.write("\ninclude 'capsule.conf'\n")
        if account:
            shutil.chown(configuration, account.uid, account.gid)

    def _require_tls(self) -> None:
        """Refuse connections without TLS, or accept them again (https://www.postgresql.org/docs/current/auth-pg-hba-conf.html)."""
        kind = "hostssl" if TLS.read(self.home.environment) else "host"
        rules = self.data / "pg_hba.conf"
        rules.write_text("".join(f"{kind} {databases} all {LOOPBACK}/32 scram-sha-256\n" for databases in ("all", "replication")))


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
