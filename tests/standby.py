"""A streaming replica of a test's PostgreSQL: made by pg_basebackup, ended by the test."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from knative.machine import accounts, packages
from knative.machine.home import LOOPBACK
from knative.machine.postgres import PostgreSQL
from knative.machine.postgres_server import SUPERUSER
from tests.waiting import wait_limit

START_SECONDS = 30


@dataclass
class Standby:
    """`primary`: the server that clients know by its address. `port`: its own."""

    primary: PostgreSQL
    port: int
    data: Path
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def url(self, address: str) -> str:
        """The same database, login and options as `address`, here."""
        return address.replace(f":{self.primary.home.ports.postgres}/", f":{self.port}/")

    def superuser(self) -> psycopg.Connection:
        return psycopg.connect(self.url(self.primary.url(SUPERUSER, "postgres")), autocommit=True, connect_timeout=5)

    def execute(self, statement: str) -> Any:
        """Return the first row of a statement of the superuser."""
        with self.superuser() as connection:
            return connection.execute(statement).fetchone()  # type: ignore[call-overload]

    def start(self) -> None:
        program = packages.find_postgres()
        assert program is not None
        account = accounts.server_account("postgres")
        command = [program / "postgres", "-D", self.data, "-c", f"port={self.port}", "-c", "fsync=off"]
        log = (self.data.parent / "log").open("ab")
        options = account.popen_options() if account else {}
        self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.data, env={**os.environ, "LC_ALL": "C"}, **options)
        end = time.monotonic() + wait_limit(START_SECONDS)
        while True:
            assert self._process.poll() is None, (self.data.parent / "log").read_text()
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                assert time.monotonic() < end, "the standby does not start"
                time.sleep(0.05)
            else:
                return

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        if self._process is not None and self.is_running:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(wait_limit(20))

    def pause(self) -> None:
        """Let it receive and not apply."""
        self.execute("SELECT pg_wal_replay_pause()")

    def resume(self) -> None:
        self.execute("SELECT pg_wal_replay_resume()")

    def promote(self) -> None:
        """Make it a primary, on a timeline of its own."""
        assert self.execute("SELECT pg_promote()") == (True,)


@contextmanager
def running_standby(primary: PostgreSQL, port: int) -> Iterator[Standby]:
    """A copy of the whole server that follows it."""
    program = packages.find_postgres()
    assert program is not None
    account = accounts.server_account("postgres")
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="capsule-standby-") as name:
        folder = Path(name)
        accounts.own(folder, account)
        source = primary.url(SUPERUSER, "postgres").partition("?")[0].rpartition("/")[0]
        command = [program / "pg_basebackup", "-d", source, "-D", folder / "data", "-R", "-X", "stream", "-c", "fast", "--no-sync"]
        options = account.popen_options() if account else {}
        subprocess.run(command, check=True, cwd=folder, env={**os.environ, "LC_ALL": "C"}, **options)
        standby = Standby(primary, port, folder / "data")
        assert LOOPBACK in source
        try:
            standby.start()
            yield standby
        finally:
            standby.stop()
