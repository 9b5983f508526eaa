"""The server of one Redis service: started for the first connection, stopped after a minute without any."""

import asyncio
import logging
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from functions.wire.redis_services import CONTROL
from knative.local.processes.control_groups import ControlGroup
from knative.local.processes.process import Command, Process, StartError
from knative.local.processes.resource_limits import ResourceLimits
from knative.local.serving.redis_services.files import ServiceFiles, server_account
from knative.local.serving.redis_services.protocol import Incomplete, ProtocolError, encode, read_reply

log = logging.getLogger(__name__)

PROGRAMS = ("valkey-server", "redis-server")
IDLE_SECONDS = 60.0
START_SECONDS = 60.0
"""Until it has loaded its data."""
STOP_SECONDS = 10.0
POLL_SECONDS = 0.01
MAX_REPLY_BYTES = 1 << 20
MAX_PROCESSES = 32
CPU_CORES = 1.0

Start = Callable[[Command, int, int], Awaitable[Process]]
"""Starts a command with descriptors of its output. Raises StartError."""
CreateGroup = Callable[[str, ResourceLimits], ControlGroup | None]


class TooManyConnections(Exception):
    """The service has as many connections as its plan allows."""


def find_program() -> str | None:
    """Return the path of Valkey, or else of Redis; None when neither is installed."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


class RedisServer:
    def __init__(self, files: ServiceFiles, start: Start, create_group: CreateGroup, idle_seconds: float = IDLE_SECONDS) -> None:
        self.files = files
        self.connections = 0
        self._start_process, self._create_group, self._idle_seconds = start, create_group, idle_seconds
        self._process: Process | None = None
        self._group: ControlGroup | None = None
        self._changing = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._stopping: asyncio.Task[None] | None = None

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
        if self.connections >= self.files.limits.max_connections:
            raise TooManyConnections
        self.connections += 1
        self._cancel_idle()
        try:
            async with self._changing:
                upstream = await self._connect_or_start()
            with upstream as connection:
                yield connection
        finally:
            self.connections -= 1
            if not self.connections:
                self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._on_idle)

    async def ask(self, *arguments: str) -> bytes:
        """Send a command to the running server as the platform. Raises ProtocolError with its error, OSError, UnknownService."""
        with await self._connect() as connection:
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(START_SECONDS):
                for each in (("AUTH", CONTROL, self.files.control_password), arguments):
                    await loop.sock_sendall(connection, encode(*each))
                    reply = await _receive_reply(connection)
        return reply

    async def stop(self) -> None:
        """Stop the server; its data are on disk then. Idempotent."""
        self._cancel_idle()
        async with self._changing:
            if self._process is not None and self._process.is_alive:
                self._process.signal(signal.SIGTERM)
                try:
                    await asyncio.wait_for(asyncio.shield(self._process.ended), STOP_SECONDS)
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
                return await self._connect()
            except OSError:  # it has died a moment ago: nobody listens
                self._process.signal(signal.SIGKILL)
                await self._process.ended
        await self._start()
        return await self._connect()

    def _cancel_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _on_idle(self) -> None:
        if not self.connections:
            self._stopping = asyncio.create_task(self.stop(), name=f"stop {self.files.name}")

    async def _start(self) -> None:
        program = find_program()
        if program is None:
            raise StartError("neither Valkey nor Redis is installed")
        limits, account = self.files.limits, server_account()
        self.files.give_to_servers()
        self.files.prepare_start()
        resources = ResourceLimits(limits.process_bytes, MAX_PROCESSES, CPU_CORES, limits.file_bytes)
        self._group = self._create_group(f"service-{self.files.name}", resources)
        command = Command(
            argv=("env", "--ignore-signal=XFSZ", program, str(self.files.configuration)),  # a full disk refuses writes, and ends nothing
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            cwd=str(self.files.data),
            limits=_limits(resources, has_control_group=self._group is not None),
            cgroups=self._group.paths if self._group else (),
            uid=account.pw_uid if account else None,
            gid=account.pw_gid if account else None,
        )
        output = os.open(self.files.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._process = await self._start_process(command, output, output)
        finally:
            os.close(output)
        await self._await_ready(self._process)

    async def _await_ready(self, process: Process) -> None:
        """Return when it has loaded its data. Raises StartError."""
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        reason = "it does not answer"
        while asyncio.get_running_loop().time() < deadline:
            if not process.is_alive:
                raise StartError(f"the server ended at its start: {_last_line(self.files.log)}")
            try:
                await self.ask("PING")
            except (OSError, ProtocolError) as error:  # its socket does not exist yet, or it loads
                reason = str(error)
            else:
                return
            await asyncio.sleep(POLL_SECONDS)
        process.signal(signal.SIGKILL)
        raise StartError(f"the server is not ready after {START_SECONDS:.0f} s: {reason}")

    async def _connect(self) -> socket.socket:
        """Raises OSError. The path of a Unix socket may have 107 bytes, fewer than that of a state folder."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        folder = -1
        try:
            folder = os.open(self.files.data, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            await asyncio.get_running_loop().sock_connect(connection, f"/proc/self/fd/{folder}/redis.sock")
        except BaseException:
            connection.close()
            raise
        finally:
            if folder >= 0:
                os.close(folder)
        return connection


async def _receive_reply(connection: socket.socket) -> bytes:
    buffer = b""
    while len(buffer) < MAX_REPLY_BYTES:
        received = await asyncio.get_running_loop().sock_recv(connection, 1 << 16)
        if not received:
            raise ConnectionResetError("the server closed the connection")
        buffer += received
        try:
            return read_reply(buffer)
        except Incomplete:
            continue
    raise ProtocolError("the reply is too long")


def _limits(resources: ResourceLimits, has_control_group: bool) -> dict[str, int]:
    """Without RLIMIT_NPROC: it counts the processes of a user, and all servers have the same one. A control group counts those of each server."""
    rlimits = resources.rlimits(is_sandboxed=True, has_control_group=has_control_group)
    return {name: value for name, value in rlimits.items() if name != "RLIMIT_NPROC"}


def _last_line(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 4096, 0))
        return (file.read().decode(errors="replace").splitlines() or ["it wrote nothing"])[-1]
