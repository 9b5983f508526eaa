"""What one client may hold of a function's server, the gateway's before all. uvicorn in this process, over a socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
import uvicorn

from functions.runtime.serving import http_protocol
from functions.runtime.serving.http_protocol import LimitedHttpProtocol
from functions.wire.http_limits import MAX_HEAD_BYTES, MAX_HEADERS, MAX_TARGET_BYTES
from tests.waiting import wait_limit

WAIT_SECONDS = wait_limit(60)
GET = b"GET / HTTP/1.1\r\nHost: a\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the length of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"8")]})
    await send({"type": "http.response.body", "body": b"%08d" % size})


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(echo, http=LimitedHttpProtocol, lifespan="off", log_config=None, server_header=False))
    server.capture_signals = contextless  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(server.serve([listening]))
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await task


class contextless:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


async def answer(port: int, *sent: bytes) -> bytes:
    """The response to what is sent, up to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for each in sent:
            writer.write(each)
        return await asyncio.wait_for(reader.read(), WAIT_SECONDS)
    finally:
        writer.close()


def problem(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head and b"connection: close" in head, answer[:300]
    found: dict[str, Any] = orjson.loads(body)
    assert head.startswith(b"HTTP/1.1 %d " % found["status"])
    return found


@pytest.mark.parametrize(
    ("sent", "status", "kind"),
    [
        (GET + b"X: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n", 431, "headers-too-large"),
        (GET + b"X: " + b"a" * 8 * MAX_HEAD_BYTES, 431, "headers-too-large"),
        (GET + b"X-" + b"a" * 8 * MAX_HEAD_BYTES, 431, "headers-too-large"),
        (GET + b"".join(b"X-%d: a\r\n" % number for number in range(MAX_HEADERS)) + b"\r\n", 431, "headers-too-large"),
        (b"GET /" + b"a" * MAX_TARGET_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "target-too-long"),
        (b"GET /" + b"a" * 8 * MAX_HEAD_BYTES, 414, "target-too-long"),
        (b"\x16\x03\x01\x02\x00", 400, "malformed-request"),
    ],
    ids=["long header", "endless value", "endless name", "many headers", "long target", "endless target", "not HTTP"],
)
async def test_a_head_is_bounded(sent: bytes, status: int, kind: str) -> None:
    async with serving() as port:
        found = problem(await answer(port, sent))
        assert (found["status"], found["type"]) == (status, f"/problems/{kind}")


async def test_what_is_within_the_limits_is_served() -> None:
    async with serving() as port:
        fields = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 200) for number in range(MAX_HEADERS - 3))
        body = b"x" * (4 * MAX_HEAD_BYTES)
        post = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n" % len(body)
        assert (await answer(port, post + fields + b"\r\n", body)).endswith(b"%08d" % len(body))


async def test_endless_trailers_end_the_connection() -> None:
    async with serving() as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: ")
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(WAIT_SECONDS):
                for _ in range(4096):
                    writer.write(b"a" * MAX_HEAD_BYTES)
                    await writer.drain()
        writer.close()


async def test_a_head_that_does_not_end_is_a_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)
    async with serving() as port:
        assert problem(await answer(port, GET))["status"] == 408
        assert await answer(port) == b"", "a client that says nothing hears nothing"


async def test_an_address_has_a_number_of_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "MAX_CONNECTIONS_PER_ADDRESS", 1)
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET + b"\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        assert problem(await answer(port))["status"] == 503
        writer.close()
