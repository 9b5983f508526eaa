"""Connections to pods, against a real server that sends exactly the bytes of the test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from knative.local.serving.http.client import UpstreamError
from knative.local.serving.http.upstreams import Upstreams
from knative.local.serving.pods.network import PodNetworks

Script = Callable[[int, bytes, asyncio.StreamWriter], Awaitable[None]]
HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


@asynccontextmanager
async def server(script: Script) -> AsyncIterator[tuple[int, list[int]]]:
    """Call the script for each request. Yields (port, the connection number of each request)."""
    requests: list[int] = []
    connections = 0

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        number = connections
        try:
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                requests.append(number)
                await script(number, request, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    listener = await asyncio.start_server(one, "127.0.0.1", 0)
    async with listener:
        yield listener.sockets[0].getsockname()[1], requests


def sends(data: bytes, close: bool = False) -> Script:
    async def script(number: int, request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        if close:
            writer.close()

    return script


async def test_connections_are_reused_also_after_head() -> None:
    async def script(number: int, request: bytes, writer: asyncio.StreamWriter) -> None:
        body = b"" if request.startswith(b"HEAD") else b"hello"
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nX-One: 1\r\n\r\n" + body)

    upstreams = Upstreams(PodNetworks().connect)
    async with server(script) as (port, requests):
        first = await upstreams.request(port, "GET", HEAD, b"")
        head = await upstreams.request(port, "HEAD", HEAD.replace(b"GET", b"HEAD"), b"")
        last = await upstreams.request(port, "GET", HEAD, b"")
        assert (first.status, first.body, first.headers["x-one"]) == (200, b"hello", "1") and first == last
        assert (head.status, head.body) == (200, b"")
        assert requests == [1, 1, 1]
        upstreams.close()


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", b"hi"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
async def test_responses_of_all_framings_are_read(data: bytes, body: bytes) -> None:
    upstreams = Upstreams(PodNetworks().connect)
    async with server(sends(data)) as (port, requests):
        for _ in range(2):
            assert (await upstreams.request(port, "GET", HEAD, b"")).body == body
        assert requests == [1, 1]
        upstreams.close()


async def test_a_response_may_end_with_its_connection() -> None:
    upstreams = Upstreams(PodNetworks().connect)
    async with server(sends(b"HTTP/1.0 200 OK\r\n\r\nall of it", close=True)) as (port, requests):
        assert (await upstreams.request(port, "GET", HEAD, b"")).body == b"all of it"
        assert (await upstreams.request(port, "GET", HEAD, b"")).body == b"all of it"
        assert requests == [1, 2]


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        b"",
        b"HTTP/1.1 200",
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
        b"HTTP/1.1 101 X\r\nupgrade: y\r\nconnection: upgrade\r\n\r\n",
    ],
)
async def test_an_incomplete_response_is_an_error(data: bytes) -> None:
    async with server(sends(data, close=True)) as (port, _):
        with pytest.raises(UpstreamError):
            await Upstreams(PodNetworks().connect).request(port, "GET", HEAD, b"")


async def test_a_closed_port_refuses_the_connection() -> None:
    async with server(sends(b"")) as (port, _):
        pass
    with pytest.raises(ConnectionRefusedError):
        await Upstreams(PodNetworks().connect).request(port, "GET", HEAD, b"")


async def test_the_connection_of_a_cancelled_request_is_not_reused() -> None:
    async def script(number: int, request: bytes, writer: asyncio.StreamWriter) -> None:
        if number == 1:
            await asyncio.sleep(30)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d" % number)

    upstreams = Upstreams(PodNetworks().connect)
    async with server(script) as (port, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await upstreams.request(port, "GET", HEAD, b"")
        assert (await upstreams.request(port, "GET", HEAD, b"")).body == b"2"
        upstreams.close()
