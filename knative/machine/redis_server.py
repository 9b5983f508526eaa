"""The local Redis: one server on loopback, which counts requests for several gateways. Started only if `CAPSULE_REDIS_URL=local`.

Its counters live for two minutes, so nothing is written to disk. Valkey serves as well, where it is packaged.
"""

import shutil
from pathlib import Path

from knative.machine import accounts, leftovers, packages, processes, secrets, stops
from knative.machine.home import LOOPBACK, Home
from knative.machine.problems import Problem

MAX_MEMORY = "64mb"


class Redis:
    """The server in the state folder."""

    name = "redis"

    def __init__(self, home: Home) -> None:
        self.home = home
        self.folder = home.path / "redis"

    @property
    def url(self) -> str:
        return f"redis://:{secrets.password(self.home, 'redis')}@{LOOPBACK}:{self.home.ports.redis}/0"

    def is_running(self) -> bool:
        return processes.find_running(self.home, self.name) is not None

    def start(self) -> None:
        """Start the server and wait until it is ready. Idempotent. Raises: Problem."""
        if not self.is_running():
            program = packages.REDIS.find()
            if program is None:
                raise Problem("Redis is not installed.", "./taskw up installs it.")
            leftovers.kill_remains(self.home, self.name)
            processes.require_free_ports({"Redis": self.home.ports.redis})
            account = accounts.server_account("redis", "valkey")
            accounts.own(self.folder, account)
            processes.start(self.home, self.name, [str(program), str(self._configure(account))], account=account, folder=self.folder)
        processes.wait_until_ready(self.home, self.name, lambda: processes.accepts_connections(self.home.ports.redis), 10)

    def stop(self) -> bool:
        """Stop the server. Returns False when it was not running."""
        return stops.REDIS.run(self.home)

    def _configure(self, account: accounts.Account | None) -> Path:
        """Write the configuration file: it has the password, which a command line would show to all.

        A process title would overwrite the environment, by which `leftovers` finds a server that was killed.
        """
        file = self.folder / "redis.conf"
        file.touch(mode=0o600)
        file.write_text(
            f"""bind {LOOPBACK}
port {self.home.ports.redis}
requirepass {secrets.password(self.home, "redis")}
save ""
set-proc-title no
appendonly no
maxmemory {MAX_MEMORY}
maxmemory-policy volatile-lru
dir {self.folder}
"""
        )
        if account:
            shutil.chown(file, account.uid, account.gid)
        return file
