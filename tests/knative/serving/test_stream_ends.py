"""How the ingress ends what has no end of its own when it stops, and a client that has closed its half of the connection."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from functions.wire.http_limits import HALF_CLOSED_SECONDS
from knative.local.serving.http.stream_ends import CLOSE_FRAME, EventStreamEnd, WebSocketEnd
from tests.knative.serving.one_pod import OK, Client, OneRoute, Pod, answers, head, ingress, measuring_ingress

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
OFFER = ("Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")


class Script:
    """A pod that sends pieces as the test releases them, and collects what it receives after the head."""

    def __init__(self, first: bytes) -> None:
        self.pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self.received = b""
        self.has_ended = asyncio.Event()
        """Whether a connection to it has been closed."""
        self.pieces.put_nowait(first)

    async def answer(self, pod: Pod, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        async def collect() -> None:
            while data := await reader.read(1000):
                self.received += data

        collecting = asyncio.create_task(collect())
        with suppress(ConnectionError):
            while not collecting.done():
                with suppress(TimeoutError):
                    writer.write(await asyncio.wait_for(self.pieces.get(), 0.05))
                    await writer.drain()
        self.has_ended.set()


@asynccontextmanager
async def connected(script: Script) -> AsyncIterator[tuple[Client, OneRoute]]:
    async with measuring_ingress(Pod(script.answer)) as (port, routing):
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        yield client, routing
        client.writer.close()


async def test_an_event_stream_ends_after_a_whole_event() -> None:
    script = Script(EVENTS + b"6\r\nid: 1\n\r\n")
    async with connected(script) as (client, routing):
        await client.send(head())
        await client.until(b"id: 1\n\r\n")
        for each in routing.clients:
            each.drain()
        script.pieces.put_nowait(b"9\r\ndata: a\n\n\r\n")
        assert await client.until(b"0\r\n\r\n") == b"9\r\ndata: a\n\n\r\n0\r\n\r\n"
        await script.has_ended.wait()
        await client.send(head())  # the head of the response kept the connection
        script.pieces.put_nowait(EVENTS)
        again = (await client.until(b"0\r\n\r\n")).lower()
        assert again.startswith(b"http/1.1 200") and b"connection: close" in again
        assert await client.is_closed()


async def test_a_websocket_is_told_that_the_server_restarts_and_closes_the_pods_side_too() -> None:
    script = Script(SWITCHED + b"\x82\x05he")  # a frame of five bytes, not yet whole
    async with connected(script) as (client, routing):
        await client.send(head(*OFFER))
        await client.until(b"he")
        for each in routing.clients:
            each.drain()
        script.pieces.put_nowait(b"llo")
        assert await client.until(CLOSE_FRAME) == b"llo" + CLOSE_FRAME
        script.pieces.put_nowait(b"\x82\x01x")  # after the Close frame: for nobody
        reply = b"\x88\x82\x00\x00\x00\x00\x03\xf4"
        await client.send(reply)
        assert await client.is_closed()  # after its time: this pod does not close
        assert script.received == reply


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
def test_the_ends_of_frames_are_found_in_any_pieces(step: int) -> None:
    frames = [b"\x81\x00", b"\x82\x02ab", b"\x82\x7e\x01\x00" + b"c" * 256, b"\x82\x7f" + (70000).to_bytes(8, "big") + b"d" * 70000, b"\x89\x00"]
    end, between, position = WebSocketEnd(), set[int](), 0
    data = b"".join(frames)
    assert end.is_between
    while position < len(data):
        end.feed(data[position : position + step])
        position += step
        if end.is_between:
            between.add(position)
    ends = {sum(len(frame) for frame in frames[: number + 1]) for number in range(len(frames))}
    assert {each for each in between if each <= len(data)} == {each for each in ends if each % step == 0 or step > len(data)}
    assert end.is_between


def test_an_event_ends_with_an_empty_line() -> None:
    end = EventStreamEnd()
    assert end.is_between
    for piece, is_between in ((b"id: 1\n", False), (b"\n", True), (b"data: x\r\n\r", False), (b"\n", True), (b": comment\n", False)):
        end.feed(piece)
        assert end.is_between is is_between


async def test_a_client_that_closed_its_half_gets_its_answers() -> None:
    pod = answers(OK)
    async with ingress(pod) as connect:
        client = await connect()
        client.writer.write(head() + head())
        client.writer.write_eof()
        assert (await client.response())[::2] == (200, b"ok")
        _, last, body = await client.response()
        assert b"connection: close" in last and body == b"ok" and await client.is_closed()


async def test_a_client_that_closed_its_half_does_not_wait_for_long() -> None:
    script = Script(b"")
    async with connected(script) as (client, routing):
        began = time.monotonic()
        client.writer.write(head())
        client.writer.write_eof()
        assert await client.is_closed()
        assert routing.measured == [] or routing.measured == [499]
        assert time.monotonic() - began >= HALF_CLOSED_SECONDS * 0.9
