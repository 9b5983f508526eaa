"""Connections to PostgreSQL: to the server of a database's own, where its login names one, else to the server that applications share.

The login of a connection names its database. A server of its own starts before the password is verified, which only PostgreSQL does: the name has 62
random bits, and no other tenant sees it.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Sequence
from pathlib import Path

from knative.local.processes.process import StartError
from knative.local.serving.http.relays import copy_both_ways
from knative.local.serving.on_demand_server import CreateGroup, Start, TooManyConnections
from knative.local.serving.postgres_services import commands
from knative.local.serving.postgres_services.files import LOGIN, ServerFiles
from knative.local.serving.postgres_services.server import IDLE_SECONDS, DatabaseServer
from knative.local.serving.postgres_services.startup import (
    CANCEL,
    NO_ENCRYPTION,
    Incomplete,
    InvalidStartup,
    Startup,
    read_startup,
    refusal,
)
from knative.local.serving.service_folder import UnknownService
from knative.local.serving.service_front import IDLE_CONNECTION_SECONDS, ServiceFront
from knative.local.settings import LOOPBACK

log = logging.getLogger(__name__)

STARTUP_SECONDS = 60.0
"""As PostgreSQL's `authentication_timeout`."""
CONNECT_SECONDS = 10.0
PROTOCOL_VIOLATION, TOO_MANY_CONNECTIONS, CANNOT_CONNECT_NOW = "08P01", "53300", "57P03"
"""https://www.postgresql.org/docs/current/errcodes-appendix.html"""


class PostgresFront(ServiceFront[DatabaseServer]):
    title = "databases with a dedicated server"

    def __init__(self, folder: Path, port: int, shared_port: int, start: Start, create_group: CreateGroup) -> None:
        """`folder`: has a folder for each server. `port`: of the platform. `shared_port`: of the server that applications share."""
        super().__init__(port)
        self.idle_seconds = IDLE_SECONDS
        self._folder, self._shared_port = folder, shared_port
        self._start, self._create_group = start, create_group

    def create_server(self, name: str) -> DatabaseServer:
        return DatabaseServer(ServerFiles(self._folder / name), self._start, self._create_group, self.idle_seconds)

    async def answer(self, arguments: Sequence[bytes]) -> bytes:
        """Carry out a command of deploy's functions."""
        return await commands.answer(self.server, arguments)

    async def handle_pod(self, connection: socket.socket) -> None:
        await self._handle(connection, is_platform=False)

    async def handle_platform(self, connection: socket.socket) -> None:
        await self._handle(connection, is_platform=True)

    async def _handle(self, connection: socket.socket, *, is_platform: bool) -> None:
        """Serve one connection. Raises OSError when it breaks."""
        loop = asyncio.get_running_loop()
        connection.setblocking(False)
        try:
            async with asyncio.timeout(STARTUP_SECONDS):
                received = await _receive_startup(connection)
        except TimeoutError:
            return
        except InvalidStartup as fault:
            await loop.sock_sendall(connection, refusal(PROTOCOL_VIOLATION, str(fault)))
            return
        if received is None:
            return
        startup, buffer = received
        if startup.code == CANCEL:
            await self._cancel(buffer)
        elif (name := self._own_server(startup, is_platform)) is not None:
            await self._pass_on(connection, self.server(name), buffer)
        else:
            await self._pass_on_to_shared(connection, buffer)

    def _own_server(self, startup: Startup, is_platform: bool) -> str | None:
        """The platform also reaches a server that does not serve applications yet; applications do not log in as the platform."""
        login = LOGIN.fullmatch(startup.user)
        if login is None or not (is_platform or login[2].isdecimal()):
            return None
        files = ServerFiles(self._folder / login[1])
        return login[1] if files.is_serving or (is_platform and files.exists()) else None

    async def _pass_on(self, connection: socket.socket, server: DatabaseServer, buffer: bytes) -> None:
        """Copy between the client and its server. `buffer`: what the client has sent."""
        loop = asyncio.get_running_loop()
        try:
            async with server.connection() as upstream:
                await loop.sock_sendall(upstream, buffer)
                await copy_both_ways(connection, upstream, IDLE_CONNECTION_SECONDS)
        except TooManyConnections:
            await loop.sock_sendall(connection, refusal(TOO_MANY_CONNECTIONS, "sorry, too many clients already"))
        except (StartError, UnknownService) as fault:
            log.error("database server %s: %s", server.name, fault)
            await loop.sock_sendall(connection, refusal(CANNOT_CONNECT_NOW, "the server of this database cannot be started"))

    async def _pass_on_to_shared(self, connection: socket.socket, buffer: bytes) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as upstream:
            upstream.setblocking(False)
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.sock_connect(upstream, (LOOPBACK, self._shared_port))
            await loop.sock_sendall(upstream, buffer)
            await copy_both_ways(connection, upstream, IDLE_CONNECTION_SECONDS)

    async def _cancel(self, request: bytes) -> None:
        """Pass the request on to every server: it names a process and its secret, and only one server has these."""
        loop = asyncio.get_running_loop()
        connects = [each.connect() for each in self._servers.values() if each.is_running]
        for result in await asyncio.gather(self._connect_to_shared(), *connects, return_exceptions=True):
            if isinstance(result, socket.socket):
                with result as upstream, contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CONNECT_SECONDS):
                        await loop.sock_sendall(upstream, request)
                        await loop.sock_recv(upstream, 1)  # it closes the connection when it has read the request

    async def _connect_to_shared(self) -> socket.socket:
        upstream = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            await asyncio.get_running_loop().sock_connect(upstream, (LOOPBACK, self._shared_port))
        except BaseException:
            upstream.close()
            raise
        return upstream


async def _receive_startup(connection: socket.socket) -> tuple[Startup, bytes] | None:
    """Return the first message and all that the client has sent from it on; None when the client has gone. Encryption is declined, as by the servers.

    Raises InvalidStartup, OSError.
    """
    loop = asyncio.get_running_loop()
    buffer = b""
    while True:
        try:
            startup = read_startup(buffer)
        except Incomplete:
            received = await loop.sock_recv(connection, 1 << 14)
            if not received:
                return None
            buffer += received
            continue
        if not startup.requests_encryption:
            return startup, buffer
        if len(buffer) > startup.end:  # bytes of somebody in between, sent before the answer (CVE-2021-23214)
            raise InvalidStartup("received unencrypted data after a request for encryption")
        buffer = b""
        await loop.sock_sendall(connection, NO_ENCRYPTION)
