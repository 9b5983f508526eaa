"""Ends of HTTP/2 connections: an ingress that stops, and a client that opens no more streams."""

import asyncio
from pathlib import Path

import pytest
from hyperframe.frame import GoAwayFrame, PingFrame

from knative.local.serving.http.http2 import connection as connection_module
from tests.knative.serving.http2_client import https_ingress
from tests.knative.serving.one_pod import OK, Pod


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ingress that stops awaits requests for less than a second."""
    monkeypatch.setattr(connection_module, "DRAIN_IDLE_SECONDS", 0.1)


async def test_events_arrive_one_by_one_and_end_whole_when_the_ingress_stops(tmp_path: Path) -> None:
    more = asyncio.Event()

    async def answer(pod: Pod, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n")
        await more.wait()
        writer.write(b"9\r\ndata: 2\n\n\r\n")
        await reader.read()

    async with https_ingress(Pod(answer), tmp_path) as server:
        client = await server.connect()
        stream = await client.request()
        await client.until(lambda: client.responses[stream].body == b"data: 1\n\n")
        more.set()
        await client.until(lambda: client.responses[stream].body.endswith(b"data: 2\n\n"))
        await server.ingress.stop()
        response = await client.response(stream)
        assert response.is_whole and response.reset is None
        assert client.goaways[0].error_code == 0 and client.goaways[0].last_stream_id == (1 << 31) - 1


async def test_requests_that_have_begun_are_answered_when_the_ingress_stops(tmp_path: Path) -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def answer(pod: Pod, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        begun.set()
        await release.wait()
        writer.write(OK)

    async with https_ingress(Pod(answer), tmp_path) as server:
        client = await server.connect()
        stream = await client.request()
        await begun.wait()
        stopping = asyncio.create_task(server.ingress.stop())
        await client.until(lambda: len(client.goaways) == 2)
        assert [each.last_stream_id for each in client.goaways] == [(1 << 31) - 1, stream]
        release.set()
        assert (await client.response(stream)).body == b"ok"
        await client.until_closed()
        await stopping


async def test_a_client_that_opens_no_more_streams_gets_its_responses(tmp_path: Path) -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def answer(pod: Pod, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        begun.set()
        await release.wait()
        writer.write(OK)

    async with https_ingress(Pod(answer), tmp_path) as server:
        client = await server.connect()
        stream = await client.request()
        await begun.wait()
        await client.send_raw(GoAwayFrame(0, last_stream_id=0).serialize() + PingFrame(0, opaque_data=b"12345678").serialize())
        release.set()
        assert (await client.response(stream)).body == b"ok"
