"""What one client may hold of a function's server, the gateway's before all. uvicorn in this process, over a socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
import uvicorn

from functions.runtime.serving import http_protocol, lingering
from functions.runtime.serving.fault_responses import answer_faults
from functions.runtime.serving.graceful_protocol import GracefulHttpProtocol
from functions.wire.http_limits import HALF_CLOSED_SECONDS, MAX_HEAD_BYTES, MAX_HEADERS
from tests.raw_http import CHUNKED, ENDLESS, GET, HOST, MAX_GROWTH_BYTES, OFFER, REFUSED, WAIT_SECONDS, answer, answers, connection, growth_bytes

POST = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n"
SLUGS = {
    400: "malformed-request", 414: "target-too-long", 431: "headers-too-large", 501: "not-implemented", 505: "http-version-not-supported",
}  # fmt: skip


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the length of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await respond(send, b"%08d" % size)


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    """Answer before the body."""
    await respond(send, b"early")


async def respond(send: Any, body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def slow(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(HALF_CLOSED_SECONDS * 2)
    await respond(send, b"late")


@pytest.mark.parametrize(("app", "expected"), [(echo, b"00000000"), (slow, b"")])
async def test_a_client_that_closed_its_half_gets_an_answer_that_begins_soon(app: Any, expected: bytes) -> None:
    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET + b"\r\n")
        writer.write_eof()
        async with asyncio.timeout(WAIT_SECONDS):
            received = await reader.read()
        writer.close()
    assert received.endswith(expected) and bool(received) is bool(expected)


@asynccontextmanager
async def serving(app: Any = echo, keep_alive_seconds: int = 5) -> AsyncIterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http=GracefulHttpProtocol, ws="none", lifespan="off", log_config=None, server_header=False, timeout_keep_alive=keep_alive_seconds
    )
    server = uvicorn.Server(config)
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


def problem(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head, answer[:300]
    found: dict[str, Any] = orjson.loads(body)
    assert head.startswith(b"HTTP/1.1 %d " % found["status"])
    return found


HOSTS = [
    pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no host"),
    pytest.param(GET + HOST + b"\r\n", 400, id="two hosts"),
    pytest.param(GET + HOST.replace(b"shop", b"other") + b"\r\n", 400, id="two different hosts"),
]


@pytest.mark.parametrize(("sent", "status"), REFUSED + HOSTS)
async def test_a_head_is_bounded(sent: bytes, status: int) -> None:
    async with serving() as port:
        found = problem(await answer(port, sent))
        assert (found["status"], found["type"]) == (status, f"/problems/{SLUGS[status]}")


@pytest.mark.parametrize(("start", "piece"), ENDLESS)
async def test_an_endless_request_takes_little_memory(start: bytes, piece: bytes) -> None:
    async with serving() as port:
        assert await growth_bytes(port, start, piece) < MAX_GROWTH_BYTES


async def test_what_is_within_the_limits_is_served() -> None:
    async with serving() as port:
        fields = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 200) for number in range(MAX_HEADERS - 3))
        body = b"x" * (4 * MAX_HEAD_BYTES)
        post = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n" % len(body)
        assert (await answer(port, post + fields + b"\r\n", body)).endswith(b"%08d" % len(body))


async def test_a_refusal_does_not_replace_the_response_before_it() -> None:
    async with serving() as port:
        received = await answer(port, GET + b"\r\n" + GET + b"X: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n")
        assert received.startswith(b"HTTP/1.1 200") and received.endswith(b"00000000")


async def test_a_head_that_does_not_end_is_a_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)
    async with serving() as port:
        assert problem(await answer(port, GET))["status"] == 408
        assert await answer(port) == b"", "a client that says nothing hears nothing"


@pytest.mark.parametrize("start", [POST % 100 + b"x", POST % 100, CHUNKED + b"5\r\nab"])
async def test_a_body_that_stops_is_a_408(monkeypatch: pytest.MonkeyPatch, start: bytes) -> None:
    monkeypatch.setattr(http_protocol, "BODY_SECONDS", 0.2)
    async with serving() as port:
        found = problem(await answer(port, start))
        assert (found["status"], found["type"]) == (408, "/problems/request-timeout")


async def test_a_body_that_progresses_passes_and_one_that_trickles_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "BODY_SECONDS", 1.5)

    async def slowly(port: int, piece: bytes, count: int) -> bytes:
        """Send a body in pieces that together take longer than BODY_SECONDS."""
        async with connection(port, POST % (len(piece) * count)) as (reader, writer):
            response = asyncio.ensure_future(reader.read(1 << 16))
            for _ in range(count):
                if not response.done():
                    writer.write(piece)
                await asyncio.wait({response}, timeout=0.05)
            return await asyncio.wait_for(response, WAIT_SECONDS)

    async with serving() as port:
        fast, slow = await asyncio.gather(slowly(port, b"a" * 5000, 40), slowly(port, b"a", 400))
        assert fast.endswith(b"%08d" % 200_000)
        assert "500 bytes a second" in problem(slow)["detail"]


async def test_a_body_behind_an_early_answer_is_dropped_for_a_short_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "DRAIN_SECONDS", 0.3)
    monkeypatch.setattr(lingering, "LINGER_SECONDS", 0.3)
    async with serving(refuse, keep_alive_seconds=1) as port:
        async with connection(port, POST % 100) as (reader, writer):
            assert await answers(reader, 1) == [b"early"]
            writer.write(b"x")
            assert await asyncio.wait_for(reader.read(), WAIT_SECONDS) == b"", "it does not go on"
        async with connection(port, POST % 100) as (reader, writer):
            assert await answers(reader, 1) == [b"early"]
            writer.write(b"x" * 100 + GET + b"\r\n")
            assert await answers(reader, 1) == [b"early"], "the body was complete: the connection is used again"
            writer.write(POST % 2 + b"x")
            assert await answers(reader, 1) == [b"early"]
            writer.write(b"x")
            assert await asyncio.wait_for(reader.read(), WAIT_SECONDS) == b"", "without another request it ends"
        async with connection(port, POST % (1 << 30)) as (reader, writer):
            assert await answers(reader, 1) == [b"early"]
            with pytest.raises(ConnectionError):
                async with asyncio.timeout(WAIT_SECONDS):
                    while True:
                        writer.write(b"x" * MAX_HEAD_BYTES)
                        await writer.drain()


@pytest.mark.parametrize("offer", [OFFER, b"Connection: upgrade\r\nUpgrade: websocket\r\n", b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n"])
async def test_a_request_that_offers_another_protocol_keeps_its_body(offer: bytes) -> None:
    async with serving() as port:
        for head, body in (
            (b"Content-Length: 32\r\n\r\n", GET[:32]),
            (b"Transfer-Encoding: chunked\r\n\r\n", b"20\r\n" + GET[:32] + b"\r\n0\r\n\r\n"),
        ):
            async with connection(port, b"POST / HTTP/1.1\r\n" + HOST + offer + head, body, (GET + offer + b"\r\n") * 20) as (reader, _):
                assert await answers(reader, 21) == [b"00000032", *[b"00000000"] * 20]


async def test_an_address_has_a_number_of_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "MAX_CONNECTIONS_PER_ADDRESS", 1)
    async with serving() as port, connection(port, GET + b"\r\n") as (reader, _):
        assert await answers(reader, 1)
        received = await answer(port)
        assert problem(received)["status"] == 503 and b"retry-after: " in received


@pytest.mark.parametrize("error", [RuntimeError("\ud800"), OSError("full"), KeyError(3)])
async def test_a_fault_anywhere_is_a_problem_document(error: Exception) -> None:
    async def fail(scope: Any, receive: Any, send: Any) -> None:
        raise error

    async with serving(answer_faults(fail)) as port, connection(port, GET + b"Connection: close\r\n\r\n") as (reader, _):
        found = problem(await asyncio.wait_for(reader.read(), WAIT_SECONDS))
        assert (found["status"], found["type"]) == (500, "/problems/internal-error") and found["requestId"]
