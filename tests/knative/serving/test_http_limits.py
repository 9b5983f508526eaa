"""What one client may hold of the ingress: bytes of a head, time, connections. Time is a number that the test passes to `expire`."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from functions.wire.http_limits import BODY_SECONDS, HEAD_SECONDS, MAX_HEADERS
from knative.local.serving.http.clients import Clients
from knative.local.serving.http.exchange import Exchange
from knative.local.serving.http.server import KEEP_ALIVE_SECONDS, ClientConnection
from tests.raw_http import CHUNKED, ENDLESS, GET, HOST, MAX_GROWTH_BYTES, REFUSED, WAIT_SECONDS, answer, connection, growth_bytes

POST = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\n"
HOUR = 3600.0


@dataclass
class Server:
    port: int
    clients: Clients

    async def expire(self, seconds: float) -> None:
        """Let time pass for the connections that are open."""
        for each in self.clients:
            each.expire(asyncio.get_running_loop().time() + seconds)


async def respond(exchange: Exchange) -> None:
    if exchange.fault is not None:
        exchange.respond_error(exchange.fault.status, exchange.fault.detail)
    else:
        exchange.respond_error(204, "")


async def await_body(exchange: Exchange) -> None:
    await (respond(exchange) if exchange.fault is not None else asyncio.shield(exchange.done))


async def stream(exchange: Exchange) -> None:
    """Begin a response that does not end."""
    exchange.head(200, b"OK", [])
    exchange.data(b"data: 1\n\n")
    exchange.flush()
    await asyncio.shield(exchange.done)


async def open_tunnel(exchange: Exchange) -> None:
    exchange.head(101, b"Switching Protocols", [(b"upgrade", b"websocket")])
    exchange.upgraded(b"hello")
    exchange.flush()
    await asyncio.shield(exchange.done)


@asynccontextmanager
async def server(serve: Callable[[Exchange], Awaitable[None]] = respond, max_per_address: int = 0) -> AsyncIterator[Server]:
    """An ingress without pods."""
    clients = Clients()
    listening = await asyncio.get_running_loop().create_server(lambda: ClientConnection(serve, clients, max_per_address), "127.0.0.1", 0)
    try:
        yield Server(listening.sockets[0].getsockname()[1], clients)
    finally:
        for each in clients:
            each.close()
        listening.close()


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not is_true():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.01)


async def settled(server: Server, count: int) -> None:
    """Wait until so many connections are open."""
    await until(lambda: sum(1 for _ in server.clients) == count)


@pytest.mark.parametrize(("sent", "status"), REFUSED)
async def test_a_head_is_bounded(sent: bytes, status: int) -> None:
    async with server(await_body) as found:
        received = await answer(found.port, sent)
        assert received.startswith(b"HTTP/1.1 %d" % status), received[:200]
        assert b"application/problem+json" in received


@pytest.mark.parametrize(("start", "piece"), ENDLESS)
async def test_an_endless_request_takes_little_memory(start: bytes, piece: bytes) -> None:
    async with server(await_body) as found:
        assert await growth_bytes(found.port, start, piece) < MAX_GROWTH_BYTES


async def test_a_head_within_the_limits_is_served() -> None:
    async with server() as found:
        fields = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 200) for number in range(MAX_HEADERS - 2))
        received = await answer(found.port, GET + fields + b"Connection: close\r\n\r\n")
        assert received.startswith(b"HTTP/1.1 204"), received[:200]


async def test_a_head_that_does_not_end_is_a_408() -> None:
    async with server() as found, connection(found.port, GET) as (reader, _):
        await settled(found, 1)
        await until(lambda: any(each._reader.unread_bytes for each in found.clients))  # type: ignore[attr-defined]
        await found.expire(HEAD_SECONDS - 5)
        assert sum(1 for _ in found.clients) == 1
        await found.expire(HEAD_SECONDS + 5)
        received = await asyncio.wait_for(reader.read(), WAIT_SECONDS)
        assert received.startswith(b"HTTP/1.1 408") and b"head was not complete" in received


async def test_a_connection_without_a_request_ends() -> None:
    async with server() as found, connection(found.port), connection(found.port, GET + b"\r\n") as (reader, _):
        assert (await reader.readline()).startswith(b"HTTP/1.1 204")
        await settled(found, 2)
        await found.expire(HEAD_SECONDS + 5)
        await settled(found, 1)
        await found.expire(KEEP_ALIVE_SECONDS + 5)
        await settled(found, 0)


@pytest.mark.parametrize("start", [POST, CHUNKED + b"5\r\n"])
async def test_a_body_that_stops_is_a_408_and_one_that_goes_on_is_not(start: bytes) -> None:
    async with server(await_body) as found, connection(found.port, start, b"x") as (reader, _):
        await settled(found, 1)
        await until(lambda: any(each._parsing for each in found.clients))  # type: ignore[attr-defined]
        await found.expire(BODY_SECONDS - 5)
        assert sum(1 for _ in found.clients) == 1
        await found.expire(BODY_SECONDS + 5)
        received = await asyncio.wait_for(reader.read(), WAIT_SECONDS)
        assert received.startswith(b"HTTP/1.1 408") and b"body" in received


async def test_a_body_behind_an_early_answer_ends_with_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knative.local.serving.http.server.LINGER_SECONDS", 0.2)
    async with server() as found, connection(found.port, POST) as (reader, writer):
        received = await asyncio.wait_for(reader.read(), WAIT_SECONDS)
        assert received.startswith(b"HTTP/1.1 204") and b"connection: close" in received
        writer.write(b"x")
        await settled(found, 0)


async def test_a_stream_and_a_websocket_are_not_cut() -> None:
    upgrade = GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    for serve, request, first in ((stream, GET + b"\r\n", b"data: 1"), (open_tunnel, upgrade, b"hello"), (stream, POST + b"x", b"data: 1")):
        async with server(serve) as found, connection(found.port, request) as (reader, _):
            await asyncio.wait_for(reader.readuntil(first), WAIT_SECONDS)
            await found.expire(24 * HOUR)
            await found.expire(48 * HOUR)
            (client,) = found.clients
            client.write(b"more")  # type: ignore[attr-defined]
            await asyncio.wait_for(reader.readuntil(b"more"), WAIT_SECONDS)


async def test_the_kernel_looks_for_clients_that_have_vanished() -> None:
    async with server() as found, connection(found.port, GET + b"\r\n") as (reader, _):
        assert await reader.readline()
        (client,) = found.clients
        transport = client._transport  # type: ignore[attr-defined]
        own = transport.get_extra_info("socket")
        assert own.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0, "a client may read slowly"


async def test_an_address_has_a_number_of_connections() -> None:
    async with server(max_per_address=3) as found, connection(found.port) as (_, first), connection(found.port), connection(found.port):
        await settled(found, 3)
        assert (await answer(found.port)).startswith(b"HTTP/1.1 503")
        first.close()
        await settled(found, 2)
        async with connection(found.port, GET + b"\r\n") as (reader, _):
            assert (await reader.readline()).startswith(b"HTTP/1.1 204")
