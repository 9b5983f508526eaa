"""Bytes that clients send to a server, for the tests of its limits: the gateway's and the ingress' alike."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest

from functions.wire.http_limits import MAX_HEAD_BYTES, MAX_HEADERS, MAX_TARGET_BYTES
from tests.waiting import wait_limit

WAIT_SECONDS = wait_limit(60)
HOST = b"Host: shop.localhost\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST
CHUNKED = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
"""Java's HTTP client makes it with its first request."""
PIECE = b"a" * MAX_HEAD_BYTES
MAX_GROWTH_BYTES = 16 << 20

REFUSED = [
    pytest.param(GET + b"X: " + PIECE + b"\r\n\r\n", 431, id="long header"),
    pytest.param(GET + b"X: " + 8 * PIECE, 431, id="endless value"),
    pytest.param(GET + b"X-" + 8 * PIECE, 431, id="endless name"),
    pytest.param(GET + b"".join(b"X-%d: a\r\n" % number for number in range(MAX_HEADERS)) + b"\r\n", 431, id="many headers"),
    pytest.param(b"GET /" + b"a" * MAX_TARGET_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, id="long target"),
    pytest.param(b"GET /" + 8 * PIECE, 414, id="endless target"),
    pytest.param(CHUNKED + b"1;" + 8 * PIECE, 431, id="endless extension"),
    pytest.param(CHUNKED + b"0\r\nX: " + 8 * PIECE, 431, id="endless trailer"),
    pytest.param(b"\x16\x03\x01\x02\x00", 400, id="not HTTP"),
    pytest.param(CHUNKED[:-2] + b"Content-Length: 0\r\n\r\n", 400, id="two lengths"),
    pytest.param(GET.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, id="chunks of HTTP/1.0"),
    pytest.param(GET.replace(b"1.1", b"2.0") + b"\r\n", 505, id="HTTP/2.0"),
    pytest.param(b"GET /\r\n\r\n", 505, id="HTTP/0.9"),
    pytest.param(GET.replace(b"GET", b"BREW") + b"\r\n", 501, id="unknown method"),
    pytest.param(GET.replace(b"GET", b"get") + b"\r\n", 501, id="method in lower case"),
    pytest.param(GET + b"Transfer-Encoding: gzip\r\n\r\n", 501, id="unknown coding"),
    pytest.param(GET + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, id="two codings"),
]
"""Requests with the status of their refusal. A server that waits for bodies answers them so."""
ENDLESS = [
    pytest.param(GET + b"X: ", PIECE, id="header"),
    pytest.param(GET, b"X: " + PIECE[:100] + b"\r\n", id="headers"),
    pytest.param(CHUNKED + b"1;", PIECE, id="chunk extension"),
    pytest.param(CHUNKED, b"1;" + PIECE[:30000] + b"\r\nx\r\n", id="chunk extensions"),
    pytest.param(CHUNKED + b"1\r\nx\r\n0\r\nX: ", PIECE, id="trailer"),
    pytest.param(CHUNKED + b"0\r\n", b"X: " + PIECE[:100] + b"\r\n", id="trailers"),
]
"""The beginning of a request, and what follows without end."""


@asynccontextmanager
async def connection(port: int, *sent: bytes) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for each in sent:
            writer.write(each)
        yield reader, writer
    finally:
        writer.close()


async def answer(port: int, *sent: bytes) -> bytes:
    """Return what the server answers, up to the end of the connection."""
    async with connection(port, *sent) as (reader, _):
        return await asyncio.wait_for(reader.read(), WAIT_SECONDS)


async def answers(reader: asyncio.StreamReader, count: int) -> list[bytes]:
    """Return the bodies of so many responses of a connection that stays open; each says its length."""
    bodies = []
    for _ in range(count):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_SECONDS)
        fields = dict(line.lower().split(b": ", 1) for line in head.strip().split(b"\r\n")[1:])
        bodies.append(await reader.readexactly(int(fields[b"content-length"])))
    return bodies


async def growth_bytes(port: int, start: bytes, piece: bytes, total_bytes: int = 40 << 20) -> int:
    """Send pieces until the connection ends or `total_bytes` were sent. Returns by how much this process, which serves, has grown."""
    before = psutil.Process().memory_info().rss
    async with connection(port, start) as (_, writer):
        batch = piece * max(1, (1 << 20) // len(piece))
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                for _ in range(total_bytes // len(batch)):
                    writer.write(batch)
                    await writer.drain()
        except ConnectionError:
            pass  # the server has ended it, as it should
        return psutil.Process().memory_info().rss - before
