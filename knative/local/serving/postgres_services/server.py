"""The server of one database: PostgreSQL with a control group, memory and processors of its own."""

import logging
import os
import signal
import time

import psutil

from knative.local.processes.process import Command, StartError
from knative.local.processes.resource_limits import ResourceLimits
from knative.local.serving.on_demand_server import CreateGroup, OnDemandServer, Start
from knative.local.serving.postgres_services.creation import ENVIRONMENT, create_data
from knative.local.serving.postgres_services.files import SOCKET, ServerFiles, find_binaries
from knative.local.serving.service_account import server_account

log = logging.getLogger(__name__)

IDLE_SECONDS = 300.0
"""A start takes a few tenths of a second, and an empty cache makes the first statements slow: longer than for a Redis."""
LEFTOVER_SECONDS = 10.0


class DatabaseServer(OnDemandServer):
    socket_name = SOCKET
    stop_signal = signal.SIGINT
    """PostgreSQL's "fast" shutdown: it ends sessions and writes a checkpoint (https://www.postgresql.org/docs/current/server-shutdown.html)."""
    stop_seconds = 30.0

    def __init__(self, files: ServerFiles, start: Start, create_group: CreateGroup, idle_seconds: float = IDLE_SECONDS) -> None:
        super().__init__(files.name, files.data, files.log, start, create_group, idle_seconds)
        self.files = files

    @property
    def max_connections(self) -> int:
        return self.files.limits.server_connections

    async def create(self) -> None:
        """Create the data. Idempotent. Raises StartError, OSError."""
        async with self._changing:
            await create_data(self.files, self._start_process)

    def prepare(self) -> tuple[Command, ResourceLimits]:
        binaries = find_binaries(self.files.version)
        if binaries is None:
            raise StartError(f"PostgreSQL {self.files.version}, which wrote the data, is not installed")
        limits, account = self.files.limits, server_account()
        self.files.give_to_servers()
        self.files.prepare_start()
        self._end_leftovers()
        command = Command(
            argv=(str(binaries / "postgres"), "-D", str(self.files.data), f"--config-file={self.files.folder / 'postgresql.conf'}"),
            env=ENVIRONMENT,
            cwd=str(self.files.data),
            limits={"RLIMIT_AS": limits.address_space_bytes},
            uid=account.pw_uid if account else None,
            gid=account.pw_gid if account else None,
        )
        resources = ResourceLimits(limits.memory_mib << 20, limits.server_connections + 32, limits.cpu_millis / 1000)
        return command, resources

    async def is_ready(self) -> bool:
        return self.files.is_ready()

    def _end_leftovers(self) -> None:
        """End what a killed platform has left of this server, and remove its lock files: PostgreSQL refuses to start when a pid in one belongs to any
        process of the same account now. Raises StartError.
        """
        deadline = time.monotonic() + LEFTOVER_SECONDS
        while found := [each for each in psutil.process_iter() if _works_in(each, str(self.files.data))]:
            if time.monotonic() > deadline:
                raise StartError(f"processes of a former server do not end: {', '.join(str(each.pid) for each in found)}")
            for each in found:
                log.warning("%s: ending process %d of a former server", self.name, each.pid)
                os.kill(each.pid, signal.SIGKILL)
            time.sleep(0.05)
        self.files.remove_lock_files()


def _works_in(process: psutil.Process, folder: str) -> bool:
    try:
        return process.cwd() == folder
    except psutil.Error:  # it has ended
        return False
