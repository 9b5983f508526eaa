"""The PostgreSQL of applications' data services: a server of its own, with its own data, port and account. Never the platform's.

The role `provisioner` creates databases and roles and is no superuser. Applications reach the server through a relay in the network
of each instance that is bound (`knative/local/serving/pods/network.py`), and nothing else of this machine.
"""

from pathlib import Path

import psycopg
from psycopg import sql

from functions.deploy.adapters.variables import SERVICES_POSTGRES_ADDRESS, SERVICES_POSTGRES_URL
from functions.wire.service_databases import LARGE_OBJECTS, TEMPLATE
from knative.local.serving.naming import POSTGRES_PORT
from knative.machine import accounts, secrets
from knative.machine.home import LOOPBACK, Home
from knative.machine.logins import Login, User
from knative.machine.postgres_server import SUPERUSER, PostgresServer

PROVISIONER = "provisioner"
ACCOUNT = "capsule-services"
MAX_PROCESS_BYTES = 1 << 30
"""Address space of each process of the server. A tenant may raise `work_mem` for itself; its statement fails then, and the machine does not swap."""


class ServicesPostgres(PostgresServer):
    name = "services-postgres"
    title = "PostgreSQL of data services"

    @property
    def port(self) -> int:
        return int(self.home.ports.services_postgres)

    def url(self, role: str, database: str) -> str:
        return f"postgresql://{role}:{secrets.password(self.home, f'services-{role}')}@{LOOPBACK}:{self.port}/{database}"

    @property
    def provisioner_url(self) -> str:
        login = self.provisioner.current
        return f"postgresql://{login.name}:{login.password}@{LOOPBACK}:{self.port}/postgres"

    def create_provisioner(self) -> None:
        """Create the role that creates databases, and keep everybody out of PostgreSQL's own. Idempotent."""
        with self.superuser() as connection:
            for name in ("postgres", "template1"):
                connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(TEMPLATE)))
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [PROVISIONER]).fetchone() is None:
                connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(PROVISIONER)))
            connection.execute(sql.SQL("ALTER ROLE {} NOSUPERUSER CREATEDB CREATEROLE").format(sql.Identifier(PROVISIONER)))
            _accept(connection, self.provisioner.current)
        self._prepare_template()

    @property
    def provisioner(self) -> User:
        """Its two logins. Whichever is used, sessions act as the role that owns the databases."""
        return User(self.home, PROVISIONER, f"{PROVISIONER}_alternate", f"services-{PROVISIONER}")

    def stage_provisioner(self) -> None:
        """Accept the other login with a new password."""
        with self.superuser() as connection:
            _accept(connection, self.provisioner.stage())

    def close_former_provisioner(self) -> None:
        """Refuse the login that is not current. Idempotent."""
        with self.superuser() as connection:
            other = self.provisioner.other
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [other]).fetchone() is not None:
                connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL").format(sql.Identifier(other)))

    def _prepare_template(self) -> None:
        """Take the creation of large objects from PUBLIC in databases of tenants: a full one could grow by them. Idempotent."""
        with self.superuser(TEMPLATE) as connection:
            for each in LARGE_OBJECTS:
                function = sql.SQL(f"pg_catalog.{each}")
                connection.execute(sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(function))
                connection.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {} WITH GRANT OPTION").format(function, sql.Identifier(PROVISIONER)))
        with self.superuser() as connection:
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(TEMPLATE)))
            connection.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE true").format(sql.Identifier(TEMPLATE)))

    def _superuser_password(self) -> str:
        return secrets.password(self.home, f"services-{SUPERUSER}")

    def _account(self) -> accounts.Account | None:
        return accounts.own_account(ACCOUNT)

    def _limits(self) -> list[str]:
        return ["prlimit", f"--as={MAX_PROCESS_BYTES}", "--"]

    def _settings(self, folder: Path, account: accounts.Account | None) -> dict[str, str]:
        """Of these, a tenant can change `work_mem` and the time-outs for its own sessions, but not `temp_file_limit`."""
        return {
            "max_connections": "1000",  # each login has a limit of its own, and each account a number of databases
            "shared_buffers": "32MB",
            "work_mem": "4MB",
            "maintenance_work_mem": "32MB",
            "temp_file_limit": "512MB",
            "max_wal_size": "512MB",
            "max_worker_processes": "4",
            "max_parallel_workers_per_gather": "0",
            "autovacuum_max_workers": "2",
            "statement_timeout": "0",  # the provisioner's own; each login has a default
            "idle_in_transaction_session_timeout": "10min",
            "log_min_error_statement": "panic",  # statements contain data of tenants
            "log_min_messages": "error",
            "max_wal_senders": "0",
            "wal_level": "minimal",
            "max_prepared_transactions": "0",
            "dynamic_library_path": "$libdir",
        }

    def _access_rules(self) -> str:
        return f"host all all {LOOPBACK}/32 scram-sha-256\n"


def _accept(connection: psycopg.Connection, login: Login) -> None:
    name = sql.Identifier(login.name)
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [login.name]).fetchone() is None:
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(name))
    if login.name != PROVISIONER:
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(PROVISIONER), name))
        connection.execute(sql.SQL("ALTER ROLE {} SET role = {}").format(name, sql.Identifier(PROVISIONER)))
    connection.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(login.password)))
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE postgres TO {}").format(name))


def provisioner_url(home: Home) -> dict[str, str]:
    """The key of the Secret with the login that creates databases, on the server that the operator names or `up` starts; empty without a server."""
    url = home.environment.get(SERVICES_POSTGRES_URL.name) or (ServicesPostgres(home).provisioner_url if home.has_services_postgres else None)
    return {"postgres": url} if url else {}


def address(home: Home) -> dict[str, str]:
    """CAPSULE_SERVICES_POSTGRES_ADDRESS of the server that `up` starts: applications reach it through a relay in the network of each instance."""
    return {SERVICES_POSTGRES_ADDRESS.name: f"{LOOPBACK}:{POSTGRES_PORT}"} if home.has_services_postgres else {}
