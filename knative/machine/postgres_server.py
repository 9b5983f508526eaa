"""A local PostgreSQL server: its data folder, its process and its configuration. The platform has one, applications have another."""

import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path

import psycopg

from knative.machine import accounts, leftovers, packages, processes, stops
from knative.machine.home import LOOPBACK, Home
from knative.machine.problems import Problem

SUPERUSER = "postgres"


class PostgresServer(ABC):
    """A server in the state folder. `durable=False` turns fsync off, for tests."""

    name: str
    """Of the process, its log and the data folder."""
    title: str

    def __init__(self, home: Home, *, durable: bool = True) -> None:
        self.home = home
        self.data = home.path / self.name
        self.durable = durable

    @property
    @abstractmethod
    def port(self) -> int: ...

    @abstractmethod
    def url(self, role: str, database: str) -> str:
        """URL of a database for a role of this server."""

    @abstractmethod
    def _superuser_password(self) -> str: ...

    def _account(self) -> accounts.Account | None:
        """Whom it runs as, when the task runs as root."""
        return accounts.server_account("postgres")

    def _limits(self) -> list[str]:
        """A command before that of the server."""
        return []

    @abstractmethod
    def _settings(self, folder: Path, account: accounts.Account | None) -> dict[str, str]:
        """Its own settings, beside those that both servers have."""

    @abstractmethod
    def _access_rules(self) -> str:
        """The content of pg_hba.conf (https://www.postgresql.org/docs/current/auth-pg-hba-conf.html)."""

    @property
    def _configuration(self) -> Path:
        return self.data / "capsule.conf"

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
        processes.require_free_ports({self.title: self.port})
        account = self._account()
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
            [*self._limits(), str(folder / "postgres"), "-D", str(self.data)],
            environment=self._environment(),
            account=account,
            folder=self.data,
        )

    def _remove_stale_lock(self) -> None:
        """Remove the lock file of a server that was killed. PostgreSQL refuses to start when its pid now belongs to any process of the same user.

        Raises: Problem when a server that Capsule has not started uses the data.
        """
        pid = leftovers.find_locking_pid(self.data)
        if any(process.pid == pid for process in leftovers.find_postgres(self.data)):
            raise Problem(f"Another PostgreSQL (pid {pid}) uses the data in {self.data}.", f"Stop it: kill {pid}")
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def is_ready(self) -> bool:
        """Whether the superuser can connect."""
        if not processes.accepts_connections(self.port):
            return False
        try:
            self.superuser().close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> bool:
        """Stop the server, also while clients are connected. Returns False when it was not running."""
        return replace(stops.POSTGRES, names=(self.name,)).run(self.home)

    def superuser(self, database: str = "postgres") -> psycopg.Connection:
        """Connect as the superuser, with autocommit."""
        return psycopg.connect(self.url(SUPERUSER, database), autocommit=True, connect_timeout=5)

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in self.home.environment.items() if name in ("PATH", "TZ", "LD_LIBRARY_PATH", "TMPDIR")}
        return {**inherited, "LC_ALL": "C"}

    def _create(self, folder: Path, account: accounts.Account | None) -> None:
        """Run initdb in a temporary folder and move it into place when it is complete."""
        temporary = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(temporary, ignore_errors=True)
        accounts.own(temporary, account)
        file = self.home.path / f".{self.name}-password"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(self._superuser_password())
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

    def _configure(self, folder: Path, account: accounts.Account | None) -> None:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "jit": "off",  # compiling short statements costs more than it saves
            "random_page_cost": "1.1",
            "log_line_prefix": "%m [%p] %q%u@%d ",
            "log_checkpoints": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "fsync": "on" if self.durable else "off",
            "full_page_writes": "on" if self.durable else "off",
            "autovacuum_naptime": "1min",
            **self._settings(folder, account),
        }
        (self.data / "pg_hba.conf").write_text(self._access_rules())
        self._configuration.write_text("".join(f"{name} = '{value}'\n" for name, value in settings.items()))
        main = self.data / "postgresql.conf"
        if "include 'capsule.conf'" not in main.read_text():
            with main.open("a") as opened:
                opened.write("\ninclude 'capsule.conf'\n")
        if account:
            shutil.chown(self._configuration, account.uid, account.gid)
