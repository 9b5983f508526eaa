"""A server of one data service that runs only while somebody is connected: started for the first connection, stopped a while after the last.

It listens on a Unix socket in the folder of its data, and never on a port.
"""

import asyncio
import logging
import os
import signal
import socket
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from knative.local.processes.control_groups import ControlGroup
from knative.local.processes.process import Command, Process, StartError
from knative.local.processes.resource_limits import ResourceLimits

log = logging.getLogger(__name__)

START_SECONDS = 60.0
"""Until it has loaded its data, or recovered from a crash."""
POLL_SECONDS = 0.01
FATAL = ("FATAL", "PANIC", "Fatal error")

Start = Callable[[Command, int, int], Awaitable[Process]]
"""Starts a command with descriptors of its output. Raises StartError."""
CreateGroup = Callable[[str, ResourceLimits], ControlGroup | None]


class TooManyConnections(Exception):
    """The service has as many connections as its plan allows."""


class OnDemandServer(ABC):
    socket_name: str
    """In the folder of the data."""
    stop_signal = signal.SIGTERM
    stop_seconds = 10.0

    def __init__(self, name: str, data: Path, output: Path, start: Start, create_group: CreateGroup, idle_seconds: float) -> None:
        """`output`: the file of its standard output and error."""
        self.name = name
        self.connections = 0
        self._data, self._output = data, output
        self._start_process, self._create_group, self._idle_seconds = start, create_group, idle_seconds
        self._process: Process | None = None
        self._group: ControlGroup | None = None
        self._changing = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._stopping: asyncio.Task[None] | None = None

    @property
    @abstractmethod
    def max_connections(self) -> int:
        """Raises UnknownService."""

    @abstractmethod
    def prepare(self) -> tuple[Command, ResourceLimits]:
        """Write what the server reads when it starts. Returns what starts it, without control groups. Raises UnknownService, StartError, OSError."""

    @abstractmethod
    async def is_ready(self) -> bool:
        """Whether the process, which is alive, serves connections."""

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.is_alive

    @property
    def is_used(self) -> bool:
        """Whether it must stay in memory."""
        return self.is_running or self.connections > 0 or self._changing.locked()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self.is_running else None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[socket.socket]:
        """Connect to the server, which starts if it is stopped. Raises TooManyConnections, UnknownService, StartError, OSError."""
        if self.connections >= self.max_connections:
            raise TooManyConnections
        with self._counted():
            async with self._changing:
                upstream = await self._connect_or_start()
            with upstream as connection:
                yield connection

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Keep the server running meanwhile; it starts if it is stopped. Raises UnknownService, StartError, OSError."""
        with self._counted():
            async with self._changing:
                (await self._connect_or_start()).close()
            yield

    @asynccontextmanager
    async def stopped(self) -> AsyncIterator[None]:
        """Keep the server stopped meanwhile: connections end, and further ones wait."""
        self._cancel_idle()
        async with self._changing:
            await self._end()
            yield

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.connections += 1
        self._cancel_idle()
        try:
            yield
        finally:
            self.connections -= 1
            if not self.connections:
                self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._on_idle)

    async def stop(self) -> None:
        """Stop the server; its data are on disk then. Idempotent."""
        async with self.stopped():
            pass

    async def _end(self) -> None:
        if self._process is not None and self._process.is_alive:
            self._process.signal(self.stop_signal)
            try:
                await asyncio.wait_for(asyncio.shield(self._process.ended), self.stop_seconds)
            except TimeoutError:
                self._process.signal(signal.SIGKILL)
                await self._process.ended
        self._process = None
        if self._group is not None:
            self._group.remove()
            self._group = None

    async def _connect_or_start(self) -> socket.socket:
        """Raises UnknownService, StartError, OSError."""
        if self._process is not None and self._process.is_alive:
            try:
                return await self.connect()
            except OSError:  # it has died a moment ago: nobody listens
                self._process.signal(signal.SIGKILL)
                await self._process.ended
        await self._begin()
        return await self.connect()

    async def _begin(self) -> None:
        command, resources = self.prepare()
        self._group = self._create_group(f"service-{self.name}", resources)
        rlimits = {**rlimits_of(resources, has_control_group=self._group is not None), **command.limits}
        cgroups = self._group.paths if self._group else ()
        grouped = Command(command.argv, command.env, command.cwd, rlimits, cgroups, uid=command.uid, gid=command.gid)
        output = os.open(self._output, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._process = await self._start_process(grouped, output, output)
        finally:
            os.close(output)
        await self._await_ready(self._process)

    async def _await_ready(self, process: Process) -> None:
        """Raises StartError."""
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            if not process.is_alive:
                raise StartError(f"the server ended at its start: {_last_line(self._output)}")
            if await self.is_ready():
                return
            await asyncio.sleep(POLL_SECONDS)
        process.signal(signal.SIGKILL)
        raise StartError(f"the server is not ready after {START_SECONDS:.0f} s: {_last_line(self._output)}")

    def _cancel_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _on_idle(self) -> None:
        if not self.connections:
            self._stopping = asyncio.create_task(self._stop_if_idle(), name=f"stop {self.name}")

    async def _stop_if_idle(self) -> None:
        async with self._changing:
            if not self.connections:
                await self._end()

    async def connect(self) -> socket.socket:
        """Connect to the running server. Raises OSError. The path of a Unix socket may have 107 bytes, fewer than that of a state folder."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        folder = -1
        try:
            folder = os.open(self._data, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            await asyncio.get_running_loop().sock_connect(connection, f"/proc/self/fd/{folder}/{self.socket_name}")
        except BaseException:
            connection.close()
            raise
        finally:
            if folder >= 0:
                os.close(folder)
        return connection


def rlimits_of(resources: ResourceLimits, has_control_group: bool) -> dict[str, int]:
    """Without RLIMIT_NPROC: it counts the processes of a user, and all servers have the same one. A control group counts those of each server."""
    rlimits = resources.rlimits(is_sandboxed=True, has_control_group=has_control_group)
    return {name: value for name, value in rlimits.items() if name != "RLIMIT_NPROC"}


def _last_line(path: Path) -> str:
    """The last line that names a fatal error, or else the last one."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 4096, 0))
        lines = file.read().decode(errors="replace").splitlines()
    fatal = [line for line in lines if any(word in line for word in FATAL)]
    return (fatal or lines or ["it wrote nothing"])[-1]
