"""Relays: bounded connections, and no leaks when they end."""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from knative.local.serving.http.listeners import Listener
from knative.local.serving.http.relays import relay
from tests.waiting import wait_limit

pytestmark = pytest.mark.filterwarnings("error::ResourceWarning")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def wait_until(look: Callable[[], object], expected: object) -> None:
    async with asyncio.timeout(wait_limit(10)):
        while look() != expected:  # noqa: ASYNC110 - connections end in other tasks
            await asyncio.sleep(0.01)


@asynccontextmanager
async def relayed(port: int, **bounds: float) -> AsyncIterator[tuple[Listener, int]]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    found = relay(listening, port, **bounds)  # type: ignore[arg-type]
    yield found, listening.getsockname()[1]
    await found.close()


@asynccontextmanager
async def echo() -> AsyncIterator[tuple[int, list[asyncio.StreamWriter]]]:
    """Send everything back, and END when the client has closed its direction."""
    served: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(writer)
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write(b"END")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], served
    server.close()
    for writer in served:
        writer.close()


async def test_each_direction_of_a_relay_ends_separately() -> None:
    async with echo() as (port, _), relayed(port) as (listener, relay_port):
        reader, writer = await asyncio.open_connection("127.0.0.1", relay_port)
        body = os.urandom(3_000_000)
        writer.write(body)
        writer.write_eof()
        assert await reader.read() == body + b"END"
        writer.close()
        await wait_until(lambda: listener.connections, 0)


async def test_connections_above_the_limit_wait() -> None:
    async with echo() as (port, served), relayed(port, max_connections=2) as (listener, relay_port):
        clients = [await asyncio.open_connection("127.0.0.1", relay_port) for _ in range(5)]
        for number, (_, writer) in enumerate(clients):
            writer.write(b"%d" % number)
        for number in range(2):
            assert await clients[number][0].read(1) == b"%d" % number
        await asyncio.sleep(0.2)
        assert listener.connections == 2 and len(served) == 2
        clients[0][1].close()
        assert await clients[2][0].read(1) == b"2", "it is accepted when a slot is free"
        assert listener.connections == 2
        for _, writer in clients[1:]:
            writer.close()
        await wait_until(lambda: listener.connections, 0)


async def test_only_idle_connections_time_out() -> None:
    async with echo() as (port, _), relayed(port, idle_seconds=1.5) as (listener, relay_port):
        idle, busy = [await asyncio.open_connection("127.0.0.1", relay_port) for _ in range(2)]
        for _ in range(8):
            busy[1].write(b"x")
            assert await busy[0].read(1) == b"x"
            await asyncio.sleep(0.3)
        assert await idle[0].read() == b""
        assert listener.connections == 1
        for _, writer in (idle, busy):
            writer.close()


async def test_a_refused_target_leaks_neither_tasks_nor_descriptors() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    async with relayed(port) as (listener, relay_port):
        before = descriptors(), len(asyncio.all_tasks())
        for _ in range(200):
            reader, writer = await asyncio.open_connection("127.0.0.1", relay_port)
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
        await wait_until(lambda: listener.connections, 0)
        await wait_until(lambda: (descriptors(), len(asyncio.all_tasks())), before)


async def test_a_reset_by_the_target_ends_the_client_connection() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST, not FIN
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    async with relayed(server.sockets[0].getsockname()[1]) as (listener, relay_port):
        reader, writer = await asyncio.open_connection("127.0.0.1", relay_port)
        writer.write(b"x")
        assert await reader.read() == b""
        await wait_until(lambda: listener.connections, 0)
        writer.close()
    server.close()


async def test_a_reset_by_the_client_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async with echo() as (port, served), relayed(port) as (listener, relay_port):
        _, writer = await asyncio.open_connection("127.0.0.1", relay_port)
        await wait_until(lambda: len(served), 1)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST, not FIN
        writer.transport.abort()
        await wait_until(lambda: listener.connections, 0)
    assert [each.message for each in caplog.records if each.levelno >= logging.ERROR] == []


async def test_closing_a_listener_ends_all_connections() -> None:
    before = descriptors(), len(asyncio.all_tasks())
    async with echo() as (port, served):
        async with relayed(port) as (listener, relay_port):
            clients = [await asyncio.open_connection("127.0.0.1", relay_port) for _ in range(20)]
            for reader, writer in clients:
                writer.write(b"x")
                await reader.read(1)
            assert listener.connections == 20
        for reader, writer in clients:
            assert await reader.read() == b""
            writer.close()
        await wait_until(lambda: all(writer.transport.is_closing() for writer in served), True)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", relay_port)
    await wait_until(lambda: (descriptors(), len(asyncio.all_tasks())), before)
