"""What tests do to RabbitMQ and PostgreSQL: kill them, turn RabbitMQ's own screws, give PostgreSQL a standby."""

import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from knative.machine import accounts, packages, processes, secrets
from knative.machine.home import LOOPBACK, Home
from knative.machine.postgres import SUPERUSER, PostgreSQL


def kill(server: Any) -> None:
    """SIGKILL to a server's process, recorded when it was started."""
    process = processes.find_running(server.home, server.name)
    assert process is not None
    process.kill()
    processes.wait_until_ended([process], 10)


def control(server: Any, *words: str) -> str:
    """`rabbitmqctl`; answers what it prints."""
    folder = packages.find_rabbitmq()
    assert folder is not None
    done = subprocess.run([folder / "rabbitmqctl", *words], env=server.environment(), check=True, capture_output=True, timeout=60, text=True)
    return done.stdout


@dataclass
class Standby:
    """`server` follows the primary until it is promoted."""

    server: PostgreSQL
    primary_port: int

    def both(self, url: str) -> str:
        """The address of whichever of the two takes writes."""
        hosts = f"@{LOOPBACK}:{self.primary_port}"
        assert hosts in url
        return url.replace(hosts, f"{hosts},{LOOPBACK}:{self.server.home.ports.postgres}") + "?target_session_attrs=read-write"

    def promote(self) -> None:
        with self.server.superuser() as connection:
            assert connection.execute("SELECT pg_promote(true, 30)").fetchone() == (True,)


def standby_of(primary: Any, home: Home) -> Standby:
    """In a home of its own; from now on every commit of the primary waits until the standby has it."""
    folder = packages.find_postgres()
    assert folder is not None
    shutil.copytree(primary.home.secrets, home.secrets, dirs_exist_ok=True)
    standby = PostgreSQL(home)
    account = accounts.server_account("postgres")
    accounts.own(standby.data, account)
    command = [folder / "pg_basebackup", "-D", standby.data, "-R", "-X", "stream", "-c", "fast", "-d", primary.url(SUPERUSER, "postgres")]
    subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=60, cwd="/", **(account.popen_options() if account else {}))
    assert secrets.password(home, SUPERUSER) == secrets.password(primary.home, SUPERUSER)
    standby.start()
    with primary.superuser() as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        connection.execute("SELECT pg_reload_conf()")
    return Standby(standby, primary.home.ports.postgres)
