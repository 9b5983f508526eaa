"""The server of one Redis service: Valkey or Redis, asked by the platform in its own protocol."""

import asyncio
import os
import shutil
import socket

from knative.local.processes.process import Command, StartError
from knative.local.processes.resource_limits import ResourceLimits
from knative.local.serving.on_demand_server import START_SECONDS, CreateGroup, OnDemandServer, Start
from knative.local.serving.redis_services.files import CONTROL, ServiceFiles
from knative.local.serving.redis_services.protocol import Incomplete, ProtocolError, encode, read_reply
from knative.local.serving.service_account import server_account

PROGRAMS = ("valkey-server", "redis-server")
IDLE_SECONDS = 60.0
MAX_REPLY_BYTES = 1 << 20
MAX_PROCESSES = 32
CPU_CORES = 1.0


def find_program() -> str | None:
    """Return the path of Valkey, or else of Redis; None when neither is installed."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


class RedisServer(OnDemandServer):
    socket_name = "redis.sock"

    def __init__(self, files: ServiceFiles, start: Start, create_group: CreateGroup, idle_seconds: float = IDLE_SECONDS) -> None:
        super().__init__(files.name, files.data, files.log, start, create_group, idle_seconds)
        self.files = files

    @property
    def max_connections(self) -> int:
        return self.files.limits.max_connections

    async def ask(self, *arguments: str) -> bytes:
        """Send a command to the running server as the platform. Raises ProtocolError with its error, OSError, UnknownService."""
        with await self.connect() as connection:
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(START_SECONDS):
                for each in (("AUTH", CONTROL, self.files.control_password), arguments):
                    await loop.sock_sendall(connection, encode(*each))
                    reply = await _receive_reply(connection)
        return reply

    def prepare(self) -> tuple[Command, ResourceLimits]:
        program = find_program()
        if program is None:
            raise StartError("neither Valkey nor Redis is installed")
        limits, account = self.files.limits, server_account()
        self.files.give_to_servers()
        self.files.prepare_start()
        command = Command(
            argv=("env", "--ignore-signal=XFSZ", program, str(self.files.configuration)),  # a full disk refuses writes, and ends nothing
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            cwd=str(self.files.data),
            uid=account.pw_uid if account else None,
            gid=account.pw_gid if account else None,
        )
        return command, ResourceLimits(limits.process_bytes, MAX_PROCESSES, CPU_CORES, limits.file_bytes)

    async def is_ready(self) -> bool:
        """Whether it has loaded its data."""
        try:
            await self.ask("PING")
        except (OSError, ProtocolError):  # its socket does not exist yet, or it loads
            return False
        return True


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
