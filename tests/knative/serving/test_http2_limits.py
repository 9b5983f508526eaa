"""What one client of HTTP/2 may hold of the ingress, and how its connection ends. Time is a number that tests pass."""

import asyncio
import struct
from pathlib import Path

import pytest
from h2.settings import SettingCodes
from hyperframe.frame import ContinuationFrame, DataFrame, GoAwayFrame, HeadersFrame, PingFrame, PriorityFrame, RstStreamFrame, SettingsFrame

from functions.wire.http_limits import BODY_SECONDS, HEAD_SECONDS
from knative.local.serving.http.http2 import connection as connection_module
from knative.local.serving.http.http2.frame_gate import (
    ENHANCE_YOUR_CALM,
    FRAME_SIZE_ERROR,
    MAX_FRAME_BYTES,
    PREFACE_BYTES,
    FrameFault,
    FrameGate,
)
from knative.local.serving.http.http2.library import MAX_STREAMS
from knative.local.serving.http.server import KEEP_ALIVE_SECONDS
from tests.knative.serving.http2_client import HOST, https_ingress
from tests.knative.serving.one_pod import OK, Pod, answers

NOW = 1000.0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PING = PingFrame(0, opaque_data=b"12345678").serialize()
OPEN = HeadersFrame(1, data=b"\x82\x84\x87").serialize()  # GET / https, without END_HEADERS
CONTINUATION = ContinuationFrame(1, data=b"\x00" * 1000).serialize()
RESET = RstStreamFrame(1, error_code=8).serialize()


def gate() -> FrameGate:
    found = FrameGate(NOW)
    assert len(PREFACE) == PREFACE_BYTES and found.read(PREFACE, NOW) == PREFACE
    return found


def frame(kind: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + b"\x00\x00\x00\x01" + payload


@pytest.mark.parametrize("size", [1, 7, 9, 10, 100])
def test_frames_pass_in_any_pieces_without_goaway(size: int) -> None:
    frames = [PING, DataFrame(1, data=b"x" * 50).serialize(), SettingsFrame(0).serialize(), DataFrame(1).serialize()]
    goaway = GoAwayFrame(0, last_stream_id=1, additional_data=b"bye").serialize()
    sent = PREFACE + goaway + frames[0] + frames[1] + goaway + goaway + frames[2] + frames[3] + goaway
    found = FrameGate(NOW)
    passed = b"".join(found.read(sent[start : start + size], NOW) for start in range(0, len(sent), size))
    assert passed == PREFACE + b"".join(frames)


@pytest.mark.parametrize(
    ("flood", "code"),
    [
        (PING, ENHANCE_YOUR_CALM),
        (SettingsFrame(0, settings={1: 1}).serialize(), ENHANCE_YOUR_CALM),
        (PriorityFrame(1, depends_on=3).serialize(), ENHANCE_YOUR_CALM),
        (DataFrame(1).serialize(), ENHANCE_YOUR_CALM),
        (ContinuationFrame(1).serialize(), ENHANCE_YOUR_CALM),
        (frame(0x8, b"\x00\x00\x00\x01"), ENHANCE_YOUR_CALM),
        (frame(0x77), ENHANCE_YOUR_CALM),
        (GoAwayFrame(0).serialize(), ENHANCE_YOUR_CALM),
        (frame(0x4, b"\x00\x01\x00\x00\x00\x01" * 2700), ENHANCE_YOUR_CALM),
        (RESET, ENHANCE_YOUR_CALM),
        (CONTINUATION, ENHANCE_YOUR_CALM),
        (frame(0x0, b"x" * (MAX_FRAME_BYTES + 1)), FRAME_SIZE_ERROR),
    ],
    ids=[
        "ping",
        "settings",
        "priority",
        "empty data",
        "empty continuation",
        "window",
        "unknown",
        "goaway",
        "large settings",
        "reset",
        "block",
        "size",
    ],
)
def test_a_flood_ends_the_connection_before_it_is_parsed(flood: bytes, code: int) -> None:
    found = gate()
    with pytest.raises(FrameFault) as fault:
        for _ in range(3000):
            found.read(flood, NOW)
    assert fault.value.code == code


def test_an_ordinary_rate_is_no_flood() -> None:
    found = gate()
    for second in range(60):
        for _ in range(150):
            found.read(PING, NOW + second)
        for _ in range(30):
            found.read(HeadersFrame(1, data=b"x").serialize() + RESET, NOW + second)
    for _ in range(3000):  # a download: two updates of windows for each frame
        found.give_for_response()
        found.read(frame(0x8, b"\x00\x00\x40\x00") * 2, NOW + 60)


def test_data_is_free() -> None:
    found = gate()
    for _ in range(10_000):
        found.read(frame(0x0, b"x"), NOW)


def test_the_begin_of_a_field_block_is_known_until_all_of_it_has_come() -> None:
    found = gate()
    assert found.block_since is None
    found.read(OPEN, NOW + 1)
    found.read(CONTINUATION, NOW + 2)
    assert found.block_since == NOW + 1
    last = ContinuationFrame(1, data=b"x" * 10, flags=["END_HEADERS"]).serialize()
    found.read(last[:-1], NOW + 3)
    assert found.block_since is not None
    found.read(last[-1:], NOW + 4)
    assert found.block_since is None


async def test_rapid_resets_end_the_connection_and_reach_no_pod(tmp_path: Path) -> None:
    pod = answers(OK)
    async with https_ingress(pod, tmp_path) as server:
        client = await server.connect()
        for _ in range(600):
            stream = client.h2.get_next_available_stream_id()
            client.h2.send_headers(stream, [(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/")], end_stream=True)
            client.h2.reset_stream(stream, 8)
        client.writer.write(client.h2.data_to_send())
        await client.until_closed()
        assert [each.error_code for each in client.goaways] == [ENHANCE_YOUR_CALM]
        other = await server.connect()
        assert (await other.get()).status == 200
    assert len(pod.heads) < MAX_STREAMS


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (PING * 3000, ENHANCE_YOUR_CALM),
        (OPEN + ContinuationFrame(1, data=b"x" * 16_000).serialize() * 9, ENHANCE_YOUR_CALM),
        (frame(0x0, b"x" * (MAX_FRAME_BYTES + 1))[:100], FRAME_SIZE_ERROR),
        (RESET, 1),
        (HeadersFrame(1, data=b"\x82\x84\x87\x00\x01A\x01b", flags=["END_HEADERS"]).serialize(), 1),
        (HeadersFrame(1, data=b"\x82\x84\x87\xff\xff\xff", flags=["END_HEADERS"]).serialize(), 1),
        (HeadersFrame(2, data=b"\x82\x84\x87\x01\x01a", flags=["END_HEADERS"]).serialize(), 1),
    ],
    ids=["pings", "endless block", "frame size", "reset of no stream", "upper case", "compression", "even stream"],
)
async def test_what_breaks_the_protocol_ends_with_its_reason(tmp_path: Path, sent: bytes, code: int) -> None:
    async with https_ingress(answers(OK), tmp_path) as server:
        client = await server.connect()
        await client.send_raw(sent)
        await client.until_closed()
        assert client.goaways[-1].error_code == code


async def test_a_bomb_of_compressed_headers_ends_the_connection(tmp_path: Path) -> None:
    async with https_ingress(answers(OK), tmp_path) as server:
        client = await server.connect()
        # one large field enters the table; each byte after it repeats the field
        await client.send_raw(
            HeadersFrame(1, data=b"\x82\x84\x87\x40\x01a\x7f\xa1\x1e" + b"x" * 4000 + b"\xbe" * 10_000, flags=["END_HEADERS"]).serialize()
        )
        await client.until_closed()
        assert client.goaways[-1].error_code == ENHANCE_YOUR_CALM


async def test_a_client_cannot_enlarge_the_table_of_responses(tmp_path: Path) -> None:
    async with https_ingress(answers(OK), tmp_path) as server:
        client = await server.connect()
        client.h2.update_settings({SettingCodes.HEADER_TABLE_SIZE: 1 << 30})
        assert (await client.get()).status == 200
        connection = await server.connection_of(client)
        assert connection._h2.encoder.header_table_size == 4096


async def test_time_ends_what_does_not_go_on(tmp_path: Path) -> None:
    async def answer(pod: Pod, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        if b"content-length" not in head:
            writer.write(OK)

    async with https_ingress(Pod(answer), tmp_path) as server:
        silent, block = await server.connect(), await server.connect()
        await block.send_raw(OPEN)
        await asyncio.gather(silent.until(lambda: silent.is_acknowledged), block.until(lambda: block.is_acknowledged))
        await server.expire(HEAD_SECONDS + 5)
        await asyncio.gather(silent.until_closed(), block.until_closed())

        client = await server.connect()
        upload = await client.request(("content-length", "10"), method="POST", end=False)
        await client.send(upload, b"x")
        connection = await server.connection_of(client)
        await client.until(lambda: bool(connection._streams))
        await asyncio.sleep(0.1)  # the pod has begun to read
        await server.expire(BODY_SECONDS - 5)
        assert client.responses[upload].status == 0
        await server.expire(BODY_SECONDS + 5)
        response = await client.response(upload)
        assert response.status == 408 and b"body" in response.body
        assert (await client.get()).status == 200, "the connection goes on"
        await server.expire(HEAD_SECONDS + 5)
        assert (await client.get()).status == 200, "it has served"
        await server.expire(KEEP_ALIVE_SECONDS + 5)
        await client.until_closed()


async def test_an_old_connection_ends_with_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "MAX_AGE_SECONDS", 0.0)
    monkeypatch.setattr(connection_module, "DRAIN_IDLE_SECONDS", 0.1)
    release = asyncio.Event()

    async def answer(pod: Pod, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        await release.wait()
        writer.write(OK)

    async with https_ingress(Pod(answer), tmp_path) as server:
        client = await server.connect()
        stream = await client.request()
        connection = await server.connection_of(client)
        await client.until(lambda: bool(connection._streams))
        await server.expire(1)
        await client.until(lambda: len(client.goaways) == 1)
        late = await client.request()
        await client.until(lambda: len(client.goaways) == 2)
        refused = await client.response(await client.request())
        release.set()
        assert [(await client.response(each)).status for each in (stream, late)] == [200, 200]
        assert (refused.status, refused.reset) == (0, 7)
        await client.until_closed()


async def test_a_client_that_takes_nothing_of_many_responses_is_disconnected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "STALLED_BYTES", 1000)
    async with https_ingress(answers(b"HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n" + b"x" * 200_000), tmp_path) as server:
        client = await server.connect()
        client.reads_bodies = False
        stream = await client.request()
        await client.until(lambda: len(client.responses[stream].body) >= 65_535)
        await server.expire(connection_module.STALLED_SECONDS - 5)
        assert len(server.connections) == 1
        await server.expire(connection_module.STALLED_SECONDS + 5)
        await client.until_closed()
