"""What a relay holds is bounded, and nothing is left when it ends."""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from knative.local.serving.http.listeners import Listener
from knative.local.serving.http.relays import relay

pytestmark = pytest.mark.filterwarnings("error::ResourceWarning")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def settled(look: Callable[[], object], expected: object) -> None:
    """As soon as it is so."""
    async with asyncio.timeout(10):
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
    """Says everything back; an empty line is answered when the client has said that there is no more."""
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


async def test_bytes_pass_in_both_directions_and_each_direction_ends_by_itself() -> None:
    async with echo() as (port, _), relayed(port) as (listener, there):
        reader, writer = await asyncio.open_connection("127.0.0.1", there)
        body = os.urandom(3_000_000)
        writer.write(body)
        writer.write_eof()
        assert await reader.read() == body + b"END"
        writer.close()
        await settled(lambda: listener.connections, 0)


async def test_no_more_at_a_time_than_the_bound_and_the_next_one_waits() -> None:
    async with echo() as (port, served), relayed(port, max_connections=2) as (listener, there):
        clients = [await asyncio.open_connection("127.0.0.1", there) for _ in range(5)]
        for number, (_, writer) in enumerate(clients):
            writer.write(b"%d" % number)
        for number in range(2):
            assert await clients[number][0].read(1) == b"%d" % number
        await asyncio.sleep(0.2)
        assert listener.connections == 2 and len(served) == 2
        clients[0][1].close()
        assert await clients[2][0].read(1) == b"2", "a place was free, and it came in"
        assert listener.connections == 2
        for _, writer in clients[1:]:
            writer.close()
        await settled(lambda: listener.connections, 0)


async def test_an_idle_connection_ends_and_a_busy_one_does_not() -> None:
    async with echo() as (port, _), relayed(port, idle_seconds=0.4) as (listener, there):
        idle, busy = [await asyncio.open_connection("127.0.0.1", there) for _ in range(2)]
        for _ in range(10):
            busy[1].write(b"x")
            assert await busy[0].read(1) == b"x"
            await asyncio.sleep(0.1)
        assert await idle[0].read() == b""
        assert listener.connections == 1
        for _, writer in (idle, busy):
            writer.close()


async def test_a_target_that_fails_leaves_neither_task_nor_descriptor() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    async with relayed(port) as (listener, there):
        before = descriptors(), len(asyncio.all_tasks())
        for _ in range(200):
            reader, writer = await asyncio.open_connection("127.0.0.1", there)
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
        await settled(lambda: listener.connections, 0)
        await settled(lambda: (descriptors(), len(asyncio.all_tasks())), before)


async def test_a_target_that_breaks_off_ends_its_client_too() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST, not FIN
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    async with relayed(server.sockets[0].getsockname()[1]) as (listener, there):
        reader, writer = await asyncio.open_connection("127.0.0.1", there)
        writer.write(b"x")
        assert await reader.read() == b""
        await settled(lambda: listener.connections, 0)
        writer.close()
    server.close()


async def test_closing_ends_every_connection_at_both_ends() -> None:
    before = descriptors(), len(asyncio.all_tasks())
    async with echo() as (port, served):
        async with relayed(port) as (listener, there):
            clients = [await asyncio.open_connection("127.0.0.1", there) for _ in range(20)]
            for reader, writer in clients:
                writer.write(b"x")
                await reader.read(1)
            assert listener.connections == 20
        for reader, writer in clients:
            assert await reader.read() == b""
            writer.close()
        await settled(lambda: all(writer.transport.is_closing() for writer in served), True)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", there)
    await settled(lambda: (descriptors(), len(asyncio.all_tasks())), before)
