"""Connections to Redis services. The user that authenticates names the service; its server starts if the password is right.

Until then the front answers as a server does before authentication, so no client and no stranger starts a server without valid credentials.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from knative.local.processes.process import StartError
from knative.local.serving.http.relays import copy_both_ways
from knative.local.serving.on_demand_server import CreateGroup, Start, TooManyConnections
from knative.local.serving.redis_services import provisioner
from knative.local.serving.redis_services.files import LOGIN, ServiceFiles
from knative.local.serving.redis_services.protocol import (
    NOAUTH,
    OK,
    WRONGPASS,
    Credentials,
    Incomplete,
    ProtocolError,
    credentials_of,
    error,
    read_command,
)
from knative.local.serving.redis_services.server import IDLE_SECONDS, RedisServer
from knative.local.serving.service_folder import UnknownService
from knative.local.serving.service_front import IDLE_CONNECTION_SECONDS, ServiceFront

log = logging.getLogger(__name__)

AUTHENTICATION_SECONDS = 30.0
MAX_FAILURES = 5
"""Wrong passwords of one connection."""
LINGER_SECONDS = 1.0


class RedisFront(ServiceFront[RedisServer]):
    title = "Redis services"

    def __init__(
        self,
        folder: Path,
        port: int,
        password: Callable[[bool], str | None],
        start: Start,
        create_group: CreateGroup,
        answers: Mapping[bytes, provisioner.Answer] = MappingProxyType({}),
    ) -> None:
        """`folder`: has a folder for each service. `password`: of the provisioner, or of its alternate login, read at each use; None: it has none.
        `answers`: what else the provisioner may ask for, by the name of the command.
        """
        super().__init__(port)
        self.idle_seconds = IDLE_SECONDS
        self._folder, self._password = folder, password
        self._start, self._create_group = start, create_group
        self._answers: dict[bytes, provisioner.Answer] = {b"SERVICE": partial(provisioner.answer, self.server), **answers}

    def create_server(self, name: str) -> RedisServer:
        return RedisServer(ServiceFiles(self._folder / name), self._start, self._create_group, self.idle_seconds)

    async def handle_pod(self, connection: socket.socket) -> None:
        await self.handle_platform(connection)

    async def handle_platform(self, connection: socket.socket) -> None:
        """Serve one connection. Raises OSError when it breaks."""
        connection.setblocking(False)
        try:
            async with asyncio.timeout(AUTHENTICATION_SECONDS):
                authenticated = await self._authenticate(connection)
        except TimeoutError:
            return
        except ProtocolError as fault:
            await _refuse(connection, error(f"Protocol error: {fault}"))
            return
        if authenticated is None:
            return
        user, buffer = authenticated
        if user in provisioner.USERS:
            await provisioner.serve(connection, buffer, self._answers)
            return
        await self._pass_on(connection, user, buffer)

    async def _pass_on(self, connection: socket.socket, user: str, buffer: bytes) -> None:
        """Copy between the client and its service. `buffer`: the command that authenticated, and what the client has sent after it."""
        loop = asyncio.get_running_loop()
        server = self.server(user.partition("_")[0])
        try:
            async with server.connection() as upstream:
                await loop.sock_sendall(upstream, buffer)
                await copy_both_ways(connection, upstream, IDLE_CONNECTION_SECONDS)
        except TooManyConnections:
            await _refuse(connection, error("max number of clients reached"))
        except (StartError, UnknownService) as fault:
            log.error("Redis service %s: %s", server.files.name, fault)
            await _refuse(connection, error("the service cannot be started"))

    async def _authenticate(self, connection: socket.socket) -> tuple[str, bytes] | None:
        """Return the user and the bytes from its AUTH or HELLO on; None when the client has gone. Raises ProtocolError, OSError."""
        loop = asyncio.get_running_loop()
        buffer, failures = b"", 0
        while failures < MAX_FAILURES:
            try:
                command = read_command(buffer)
            except Incomplete:
                received = await loop.sock_recv(connection, 1 << 14)
                if not received:
                    return None
                buffer += received
                continue
            credentials = credentials_of(command)
            if credentials is not None and self._accepts(credentials):
                return credentials.user, buffer
            buffer = buffer[command.end :]
            failures += credentials is not None
            if not command.arguments:
                continue
            if command.name == b"QUIT":
                await _refuse(connection, OK)
                return None
            await loop.sock_sendall(connection, WRONGPASS if credentials is not None else NOAUTH)
        return None

    def _accepts(self, credentials: Credentials) -> bool:
        if credentials.user in provisioner.USERS:
            return provisioner.accepts(credentials.password, self._password(credentials.user == provisioner.ALTERNATE_USER))
        login = LOGIN.fullmatch(credentials.user)
        return login is not None and ServiceFiles(self._folder / login[1]).accepts(credentials.user, credentials.password)


async def _refuse(connection: socket.socket, reply: bytes) -> None:
    """Send a last reply. What the client has sent meanwhile is read, because closing would else reset the connection before it has the reply."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, reply)
    connection.shutdown(socket.SHUT_WR)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while await loop.sock_recv(connection, 1 << 16):
                pass
