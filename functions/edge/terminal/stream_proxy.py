"""Pass messages between a client and a container until one of them ends, or something else ends the connection."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from functions.edge.terminal.grants import Grant
from functions.kernel import Clock, Unavailable
from functions.wire import attach_channels as channels

IDLE_SECONDS = 1800.0
CHECK_SECONDS = 1.0
"""How often a connection looks whether its session or its user's access has ended."""
START = b"\n"
ECHO = b"\r\n"
"""How a terminal echoes START."""
FROM_CLIENT = frozenset({channels.STDIN, channels.RESIZE})


class Ending(Enum):
    """Why a connection has ended: close code (RFC 6455 section 7.4; from 4000 on they are the application's) and reason."""

    COMPLETE = (1000, "")
    CLIENT_LEFT = (1001, "")
    CLUSTER_LOST = (1014, "The cluster closed the connection.")
    SERVICE_LOST = (1014, "The data service broke the connection.")
    SESSION_ENDED = (4401, "The session has ended. Sign in again.")
    ACCESS_ENDED = (4403, "You may no longer run commands in this environment.")
    CONNECT_ENDED = (4403, "You may no longer connect to this data service.")
    IDLE = (4408, f"Nothing was sent or received for {IDLE_SECONDS / 60:g} minutes.")
    TIME_IS_UP = (4409, "The time of the command is up.")
    TUNNEL_ENDED = (4409, "The tunnel was open for 12 hours. Connect again.")

    @property
    def reason(self) -> str:
        return self.value[1]


@dataclass
class StreamProxy:
    """One connection. `started`: called once the command has got its first line and runs.

    `find_ending`: why the user may not stay connected; raises Unavailable.
    """

    grant: Grant
    client: WebSocket
    container: ClientConnection
    clock: Clock
    find_ending: Callable[[], Awaitable[Ending | None]]
    started: Callable[[], Awaitable[None]]
    idle_seconds: float = IDLE_SECONDS
    _last_at: float = 0.0
    _echo: bytes = b""
    """What is left of the echo that the client must not see."""

    async def run(self) -> Ending:
        self._last_at = asyncio.get_running_loop().time()
        tasks = [asyncio.ensure_future(each) for each in (self._to_client(), self._to_container(), self._watch())]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return next(task for task in tasks if task in done).result()

    async def _to_client(self) -> Ending:
        try:
            async for message in self.container:
                self._touch()
                channel, data = channels.split(message)
                if channel == channels.STDOUT and self._echo:
                    data = self._without_echo(data)
                await self.client.send_bytes(channels.message(channel, data))
                if channel == channels.ERROR:
                    return Ending.COMPLETE
        except (ConnectionClosed, ValueError):
            return Ending.CLUSTER_LOST
        return Ending.CLUSTER_LOST

    async def _to_container(self) -> Ending:
        is_waiting = self.grant.is_waiting
        try:
            if is_waiting and not self.grant.has_terminal:
                await self._start()
                is_waiting = False
            while (message := await self._receive()) is not None:
                await self.container.send(message)
                if is_waiting and message[0] == channels.RESIZE:  # the program finds the size when it starts
                    is_waiting = False
                    await self._start()
        except ConnectionClosed:
            return Ending.CLUSTER_LOST
        return Ending.CLIENT_LEFT

    async def _receive(self) -> bytes | None:
        """Return the client's next valid message; None when it has disconnected."""
        while True:
            received = await self.client.receive()
            if received["type"] == "websocket.disconnect":
                return None
            message = received.get("bytes") or b""
            self._touch()
            if message[:1] and (message[0] in FROM_CLIENT or message == channels.closing(channels.STDIN)):
                return bytes(message)

    async def _start(self) -> None:
        """Send the line for which the command waits."""
        if self.grant.has_terminal:
            self._echo = ECHO
        await self.container.send(channels.message(channels.STDIN, START))
        await self.started()

    def _without_echo(self, data: bytes) -> bytes:
        while data and self._echo:
            if data[:1] != self._echo[:1]:
                self._echo = b""
                return data
            data, self._echo = data[1:], self._echo[1:]
        return data

    async def _watch(self) -> Ending:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            if (ending := await self._find_ending()) is not None:
                return ending
            if loop.time() - self._last_at > self.idle_seconds:
                return Ending.IDLE
            if self._now() >= self.grant.ends_at:
                return Ending.TIME_IS_UP

    async def _find_ending(self) -> Ending | None:
        """None too while ended sessions or the access cannot be read: idleness and the end of the command's time still close it."""
        try:
            return await self.find_ending()
        except Unavailable:
            return None

    def _now(self) -> datetime:
        return self.clock.now()

    def _touch(self) -> None:
        self._last_at = asyncio.get_running_loop().time()
