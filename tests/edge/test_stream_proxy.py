"""The proxy between a client and a container: the start of the command, the echo, endings. Both sides are real WebSockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from functions.edge.terminal import stream_proxy
from functions.edge.terminal.grants import Grant
from functions.edge.terminal.stream_proxy import Ending, StreamProxy
from functions.kernel import Unavailable
from functions.runtime.config.clock import SystemClock
from functions.wire.attach_channels import CLOSE, ERROR, RESIZE, STDIN, STDOUT, V5, message
from tests.waiting import wait_limit

SIZE = message(RESIZE, b'{"Width":80,"Height":24}')


@dataclass
class Container:
    """The other side: what it received, and what it sends."""

    received: list[bytes] = field(default_factory=list)
    connection: ServerConnection | None = None
    ending: Ending | None = None
    """Why the user may not stay connected."""
    is_unavailable: bool = False
    starts: int = 0

    async def serve(self, connection: ServerConnection) -> None:
        self.connection = connection
        async for each in connection:
            assert isinstance(each, bytes)
            self.received.append(each)

    async def send(self, *messages: bytes) -> None:
        assert self.connection is not None
        for each in messages:
            await self.connection.send(each)


def grant(**changes: Any) -> Grant:
    fields = {"has_terminal": True, "is_waiting": True, "ends_at": datetime.now(UTC) + timedelta(hours=1), **changes}
    return Grant(uuid4(), uuid4(), uuid4(), uuid4(), "app-hello", "run", **fields)


@asynccontextmanager
async def attached(granted: Grant, **options: Any) -> AsyncIterator[tuple[ClientConnection, Container]]:
    container = Container()

    async def started() -> None:
        container.starts += 1

    async def find_ending() -> Ending | None:
        if container.is_unavailable:
            raise Unavailable("deploy.run_access does not answer.")
        return container.ending

    async def handle(websocket: WebSocket) -> None:
        async with connect(f"ws://127.0.0.1:{port_of(cluster)}", proxy=None) as connection:
            await websocket.accept(V5)
            ending = await StreamProxy(granted, websocket, connection, SystemClock(), find_ending, started, **options).run()
            await websocket.close(*ending.value)

    async with serve(container.serve, "127.0.0.1", 0) as cluster:
        config = uvicorn.Config(Starlette(routes=[WebSocketRoute("/", handle)]), port=0, log_config=None, lifespan="off", ws="websockets-sansio")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        await until(lambda: server.started)
        try:
            async with connect(f"ws://127.0.0.1:{port_of(server.servers[0])}", subprotocols=[V5], proxy=None) as client:  # type: ignore[list-item]
                await until(lambda: container.connection is not None)
                yield client, container
        finally:
            server.should_exit = True
            await task


def port_of(server: Any) -> int:
    return int(next(iter(server.sockets)).getsockname()[1])


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(wait_limit(10)):
        while not look():  # noqa: ASYNC110  the condition is about another task
            await asyncio.sleep(0.01)


async def close_code(client: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await client.recv()
    return closed.value.rcvd.code if closed.value.rcvd else None


async def test_a_command_with_a_terminal_starts_after_its_size_and_without_the_echo_of_its_start() -> None:
    async with attached(grant()) as (client, container):
        await client.send(SIZE)
        await client.send(message(STDIN, b"ls\r"))
        await until(lambda: len(container.received) == 3)
        assert container.received == [SIZE, message(STDIN, b"\n"), message(STDIN, b"ls\r")] and container.starts == 1
        await container.send(message(STDOUT, b"\r"), message(STDOUT, b"\n$ "), message(STDOUT, b"\r\n"), message(ERROR, b'{"status":"Success"}'))
        output = [await client.recv() for _ in range(4)]
        assert output == [message(STDOUT, b""), message(STDOUT, b"$ "), message(STDOUT, b"\r\n"), message(ERROR, b'{"status":"Success"}')]
        assert await close_code(client) == 1000


async def test_a_second_client_starts_nothing() -> None:
    async with attached(grant(is_waiting=False)) as (client, container):
        await client.send(SIZE)
        await client.send(message(STDIN, b"x"))
        await until(lambda: len(container.received) == 2)
        assert container.received == [SIZE, message(STDIN, b"x")] and container.starts == 0


async def test_pipes_start_at_once_and_only_valid_messages_pass() -> None:
    async with attached(grant(has_terminal=False)) as (client, container):
        for each in (b"", message(ERROR, b"x"), message(STDOUT, b"x"), bytes((CLOSE, STDOUT)), bytes((CLOSE,)), b"\x09x"):
            await client.send(each)
        await client.send(message(STDIN, b"data"))
        await client.send(bytes((CLOSE, STDIN)))
        await until(lambda: len(container.received) == 3)
        assert container.received == [message(STDIN, b"\n"), message(STDIN, b"data"), bytes((CLOSE, STDIN))]
        await container.send(message(STDOUT, b"\r\nresult"))
        assert await client.recv() == message(STDOUT, b"\r\nresult")


@pytest.mark.parametrize("case", ["session", "access", "idle", "time", "cluster"])
async def test_a_connection_ends_with_session_and_access_in_silence_with_its_time_and_with_the_cluster(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_proxy, "CHECK_SECONDS", 0.02)
    ends_at = datetime.now(UTC) + timedelta(seconds=0 if case == "time" else 600)
    async with attached(grant(ends_at=ends_at), idle_seconds=0.0 if case == "idle" else 600.0) as (client, container):
        container.ending = {"session": Ending.SESSION_ENDED, "access": Ending.ACCESS_ENDED}.get(case)
        if case == "cluster":
            assert container.connection is not None
            await container.connection.close()
        assert await close_code(client) == {"session": 4401, "access": 4403, "idle": 4408, "time": 4409, "cluster": 1014}[case]


async def test_a_connection_stays_while_nobody_can_tell_whether_its_access_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_proxy, "CHECK_SECONDS", 0.02)
    async with attached(grant(is_waiting=False)) as (client, container):
        container.is_unavailable = True
        await asyncio.sleep(0.1)
        await container.send(message(STDOUT, b"still here"))
        assert await client.recv() == message(STDOUT, b"still here")
        container.is_unavailable, container.ending = False, Ending.ACCESS_ENDED
        assert await close_code(client) == 4403
