"""The server of one Redis service: Valkey or Redis. The platform uses its protocol."""

import asyncio
import os
import shutil
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from functions.wire.redis_services import CONTROL
from knative.local.processes.process import Command, StartError
from knative.local.processes.resource_limits import ResourceLimits
from knative.local.serving.on_demand_server import START_SECONDS, CreateGroup, OnDemandServer, Start
from knative.local.serving.redis_services.files import ServiceFiles
from knative.local.serving.redis_services.protocol import Incomplete, ProtocolError, encode, read_replies, read_value
from knative.local.serving.service_account import server_account

PROGRAMS = ("valkey-server", "redis-server")
IDLE_SECONDS = 60.0
MAX_REPLY_BYTES = 1 << 20
MAX_PROCESSES = 32
MAX_SLOW_COMMANDS, MAX_ARGUMENTS = 10, 8
SNAPSHOT_SECONDS, SNAPSHOT_POLL_SECONDS = 240.0, 0.05
CPU_CORES = 1.0


def find_program() -> str | None:
    """Return the path of Valkey, or else of Redis; None when neither is installed."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


T = TypeVar("T")


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
        return await self.exchange(("AUTH", CONTROL, self.files.control_password), arguments)

    async def exchange(self, *commands: Sequence[str]) -> bytes:
        """Send commands to the running server, and return the reply to the last. Its time to stop does not move.

        Raises ProtocolError with the server's error, OSError, UnknownService.
        """
        with await self.connect() as connection:
            loop, reply = asyncio.get_running_loop(), b""
            async with asyncio.timeout(START_SECONDS):
                for each in commands:
                    await loop.sock_sendall(connection, encode(*each))
                    (reply,) = await _receive_replies(connection, 1)
        return reply

    async def save_snapshot(self) -> int:
        """Write all data as of one moment into the file that `ServiceFiles.adopt_snapshot` takes. Returns the number of keys in it.

        Raises ProtocolError, OSError, UnknownService, TimeoutError.
        """
        async with asyncio.timeout(SNAPSHOT_SECONDS):
            while True:
                try:
                    keyspace, _ = await self._ask_at_once(("INFO", "keyspace"), ("BGSAVE",))
                except ProtocolError as fault:
                    if "child process" not in str(fault):  # it rewrites its append-only file
                        raise
                    await asyncio.sleep(SNAPSHOT_POLL_SECONDS)
                    continue
                break
            while (found := fields_of(await self.ask("INFO", "persistence")))["rdb_bgsave_in_progress"] != "0":  # noqa: ASYNC110
                await asyncio.sleep(SNAPSHOT_POLL_SECONDS)
        if found["rdb_last_bgsave_status"] != "ok":
            raise ProtocolError("the server could not write its data: is there space for a copy?")
        return count_keys(fields_of(keyspace))

    async def count_loaded_keys(self) -> int:
        """The number of keys, with those that have expired since the server started."""
        keyspace, stats = await self._ask_at_once(("INFO", "keyspace"), ("INFO", "stats"))
        return count_keys(fields_of(keyspace)) + int(fields_of(stats)["expired_keys"])

    async def slow_commands(self) -> list[tuple[str, int]]:
        """The slowest of the last commands that took 10 ms or more, the slowest first: (command with its first arguments, microseconds)."""
        with await self.connect() as connection:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(connection, encode("AUTH", CONTROL, self.files.control_password))
            await _receive(connection, read_value)
            await loop.sock_sendall(connection, encode("SLOWLOG", "GET", "128"))
            entries, _ = await _receive(connection, read_value)
        found = [(b" ".join(arguments[:MAX_ARGUMENTS]).decode(errors="replace")[:500], int(took)) for _, _, took, arguments, *_ in entries]
        return sorted(found, key=lambda each: -each[1])[:MAX_SLOW_COMMANDS]

    async def _ask_at_once(self, *commands: tuple[str, ...]) -> list[bytes]:
        """Send commands in one piece: the server carries them out one after the other, with nothing of other clients in between."""
        with await self.connect() as connection:
            await asyncio.get_running_loop().sock_sendall(connection, encode("AUTH", CONTROL, self.files.control_password))
            await _receive_replies(connection, 1)
            await asyncio.get_running_loop().sock_sendall(connection, b"".join(encode(*each) for each in commands))
            return await _receive_replies(connection, len(commands))

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


def fields_of(info: bytes) -> dict[str, str]:
    """The fields of a reply to INFO."""
    lines = info.decode(errors="replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))


def count_keys(keyspace: dict[str, str]) -> int:
    """`keyspace`: database → keys=…,expires=…,avg_ttl=…"""
    return sum(int(each.partition("keys=")[2].partition(",")[0]) for name, each in keyspace.items() if name.startswith("db"))


async def _receive_replies(connection: socket.socket, count: int) -> list[bytes]:
    return await _receive(connection, partial(read_replies, count=count))


async def _receive(connection: socket.socket, read: Callable[[bytes], T]) -> T:
    buffer = b""
    while len(buffer) < MAX_REPLY_BYTES:
        received = await asyncio.get_running_loop().sock_recv(connection, 1 << 16)
        if not received:
            raise ConnectionResetError("the server closed the connection")
        buffer += received
        try:
            return read(buffer)
        except Incomplete:
            continue
    raise ProtocolError("the reply is too long")
