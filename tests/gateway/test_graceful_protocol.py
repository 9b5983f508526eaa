"""A server of a function stops: no request is lost that a client had sent, or was about to send. uvicorn in this process, over a socket."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import uvicorn

from functions.runtime.serving.graceful_protocol import GracefulHttpProtocol
from tests.gateway.test_http_limits import echo
from tests.raw_http import GET, WAIT_SECONDS

REQUEST = GET + b"\r\n"


@asynccontextmanager
async def serving(app: Any = echo) -> AsyncIterator[tuple[int, uvicorn.Server]]:
    """The port, and a server that stops when its `should_exit` is set."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http=GracefulHttpProtocol, ws="none", lifespan="off", log_config=None))
    server.capture_signals = nullcontext  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(server.serve([listening]))
    try:
        yield listening.getsockname()[1], server
    finally:
        server.should_exit = True
        async with asyncio.timeout(WAIT_SECONDS):
            await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():  # noqa: ASYNC110  a condition of the server, which has no event for it
            await asyncio.sleep(0.01)


async def stop(server: uvicorn.Server) -> None:
    """Returns when all connections know that the server stops."""
    server.should_exit = True
    await until(lambda: bool(server.server_state.connections) and all(getattr(each, "_is_ending", False) for each in server.server_state.connections))


async def connected(port: int, server: uvicorn.Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    connection = await asyncio.open_connection("127.0.0.1", port)
    await until(lambda: bool(server.server_state.connections))
    return connection


async def rest(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(WAIT_SECONDS):
        return await reader.read()


async def test_the_first_request_of_a_connection_is_answered_after_the_server_has_begun_to_stop() -> None:
    async with serving() as (port, server):
        reader, writer = await connected(port, server)
        await stop(server)
        writer.write(REQUEST)
        received = await rest(reader)
        writer.close()
    assert received.startswith(b"HTTP/1.1 200") and b"connection: close\r\n" in received.lower() and received.endswith(b"00000000")


async def test_a_head_that_has_begun_and_a_kept_connection_get_their_answer_too() -> None:
    async with serving() as (port, server):
        reader, writer = await connected(port, server)
        writer.write(REQUEST)
        async with asyncio.timeout(WAIT_SECONDS):
            first = await reader.readuntil(b"00000000")
        writer.write(REQUEST[:10])
        await writer.drain()
        await stop(server)
        writer.write(REQUEST[10:])
        second = await rest(reader)
        writer.close()
    assert b"connection: close" not in first.lower()
    assert second.startswith(b"HTTP/1.1 200") and b"connection: close\r\n" in second.lower()


async def test_a_connection_without_a_request_ends_and_one_that_is_answered_ends_with_its_response() -> None:
    has_begun, answering = asyncio.Event(), asyncio.Event()

    async def waiting(scope: Any, receive: Any, send: Any) -> None:
        has_begun.set()
        await answering.wait()
        await echo(scope, receive, send)

    async with serving(waiting) as (port, server):
        idle, idle_writer = await connected(port, server)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        async with asyncio.timeout(WAIT_SECONDS):
            await has_begun.wait()
        await stop(server)
        assert await rest(idle) == b""
        answering.set()
        received = await rest(reader)
        for each in (writer, idle_writer):
            each.close()
    assert received.startswith(b"HTTP/1.1 200") and b"connection: close\r\n" in received.lower()
