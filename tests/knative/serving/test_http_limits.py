"""What one client may hold of the ingress: bytes of a head, time, connections. Time is a number that the test passes to `expire`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from functions.wire.http_limits import BODY_SECONDS, HEAD_SECONDS, MAX_HEAD_BYTES, MAX_HEADERS, MAX_TARGET_BYTES
from knative.local.serving.http.clients import Clients
from knative.local.serving.http.exchange import Exchange
from knative.local.serving.http.server import KEEP_ALIVE_SECONDS, ClientConnection
from tests.waiting import wait_limit

WAIT_SECONDS = wait_limit(60)
GET = b"GET / HTTP/1.1\r\nHost: shop.localhost\r\n"


@dataclass
class Server:
    port: int
    clients: Clients

    async def connect(self, *sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for each in sent:
            writer.write(each)
        return reader, writer

    async def answer(self, *sent: bytes) -> bytes:
        """The response to what is sent, up to the end of the connection."""
        reader, writer = await self.connect(*sent)
        try:
            return await asyncio.wait_for(reader.read(), WAIT_SECONDS)
        finally:
            writer.close()

    async def expire(self, seconds: float) -> None:
        """Let time pass for the connections that are open."""
        for each in self.clients:
            each.expire(asyncio.get_running_loop().time() + seconds)


@asynccontextmanager
async def server(max_per_address: int = 0, answers: bool = True) -> AsyncIterator[Server]:
    """An ingress without pods: it answers each whole request with 204, or, with `answers` False, waits for the body."""
    clients = Clients()

    async def serve(exchange: Exchange) -> None:
        if exchange.fault is not None:
            exchange.respond_error(exchange.fault.status, exchange.fault.detail)
        elif answers:
            exchange.respond_error(204, "")
        else:
            await asyncio.shield(exchange.done)

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


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (GET + b"X: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n", b"431"),
        (GET + b"X: " + b"a" * 4 * MAX_HEAD_BYTES, b"431"),
        (GET + b"X-" + b"a" * 4 * MAX_HEAD_BYTES, b"431"),
        (GET + b"".join(b"X-%d: a\r\n" % number for number in range(MAX_HEADERS)) + b"\r\n", b"431"),
        (b"GET /" + b"a" * MAX_TARGET_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"414"),
        (b"GET /" + b"a" * 4 * MAX_HEAD_BYTES, b"414"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 4 * MAX_HEAD_BYTES, b"431"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 4 * MAX_HEAD_BYTES, b"431"),
    ],
    ids=["long header", "endless value", "endless name", "many headers", "long target", "endless target", "endless extension", "endless trailer"],
)
async def test_a_head_is_bounded(sent: bytes, status: bytes) -> None:
    async with server(answers=False) as found:
        answer = await found.answer(sent)
        assert answer.startswith(b"HTTP/1.1 " + status), answer[:200]
        assert b"application/problem+json" in answer


async def test_a_head_within_the_limits_is_served() -> None:
    async with server() as found:
        fields = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 200) for number in range(MAX_HEADERS - 2))
        answer = await found.answer(GET + fields + b"Connection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 204"), answer[:200]


async def test_a_head_that_does_not_end_is_a_408() -> None:
    async with server() as found:
        reader, writer = await found.connect(GET)
        await settled(found, 1)
        await until(lambda: any(each._unread_bytes for each in found.clients))  # type: ignore[attr-defined]
        await found.expire(HEAD_SECONDS - 5)
        assert sum(1 for _ in found.clients) == 1
        await found.expire(HEAD_SECONDS + 5)
        answer = await asyncio.wait_for(reader.read(), WAIT_SECONDS)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408") and b"head was not complete" in answer


async def test_a_connection_without_a_request_ends() -> None:
    async with server() as found:
        _, silent = await found.connect()
        reader, writer = await found.connect(GET + b"\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 204")
        await settled(found, 2)
        await found.expire(HEAD_SECONDS + 5)
        await settled(found, 1)
        await found.expire(KEEP_ALIVE_SECONDS + 5)
        await settled(found, 0)
        silent.close()
        writer.close()


async def test_a_body_that_stops_is_a_408_and_one_that_goes_on_is_not() -> None:
    async with server(answers=False) as found:
        reader, writer = await found.connect(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n", b"x")
        await settled(found, 1)
        await until(lambda: any(each._parsing for each in found.clients))  # type: ignore[attr-defined]
        await found.expire(BODY_SECONDS - 5)
        assert sum(1 for _ in found.clients) == 1
        await found.expire(BODY_SECONDS + 5)
        answer = await asyncio.wait_for(reader.read(), WAIT_SECONDS)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408") and b"body" in answer


async def test_an_address_has_a_number_of_connections() -> None:
    async with server(max_per_address=3) as found:
        opened = [await found.connect() for _ in range(3)]
        await settled(found, 3)
        assert (await found.answer()).startswith(b"HTTP/1.1 503")
        opened[0][1].close()
        await settled(found, 2)
        reader, writer = await found.connect(GET + b"\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 204")
        for _, each in (*opened, (reader, writer)):
            each.close()
