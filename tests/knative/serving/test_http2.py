"""HTTP/2 through the ingress, over real sockets and TLS: what a pod receives and what a client gets. A client drives h2 itself, or is httpx."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from knative.local.serving.http.http2 import connection as connection_module
from knative.local.serving.http.http2.library import MAX_STREAMS, STREAM_WINDOW_BYTES
from tests.knative.serving.http2_client import HOST, Response, https_ingress
from tests.knative.serving.one_pod import OK, Pod, answers, names, read_body

MEBIBYTE = 1 << 20


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ingress that stops awaits requests for less than a second."""
    monkeypatch.setattr(connection_module, "DRAIN_IDLE_SECONDS", 0.1)


def lines(head: bytes) -> set[bytes]:
    return set(head.split(b"\r\n"))


def echo() -> Pod:
    """A pod that answers with the body of the request."""

    async def answer(pod: Pod, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        await read_body(pod, reader, head)
        body = pod.bodies[-1] if pod.bodies else b""
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()

    return Pod(answer)


async def test_httpx_speaks_http_2_and_http_1_1_at_the_same_port(tmp_path: Path) -> None:
    pod = echo()
    async with https_ingress(pod, tmp_path) as server:
        for is_http_2, version in ((True, "HTTP/2"), (False, "HTTP/1.1")):
            async with httpx.AsyncClient(http2=is_http_2, verify=server.trust, trust_env=False) as client:
                url = f"https://127.0.0.1:{server.port}/a?b=1"
                response = await client.post(url, content=b"x" * 100_000, headers={"Host": HOST}, extensions={"sni_hostname": HOST})
                assert (response.http_version, response.status_code, len(response.content)) == (version, 200, 100_000)
        assert server.routing.measured == [200, 200]
    assert pod.heads[0].startswith(b"POST /a?b=1 HTTP/1.1\r\nhost: shop.localhost\r\n")
    assert {b"x-forwarded-proto: https", b"x-forwarded-for: 127.0.0.1", b"x-forwarded-host: shop.localhost", b"content-length: 100000"} <= lines(
        pod.heads[0]
    )


async def test_headers_pass_and_cookies_become_one(tmp_path: Path) -> None:
    pod = answers(
        b"HTTP/1.1 200 OK\r\nConnection: x-back\r\nX-Back: 1\r\nKeep-Alive: timeout=5\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
        b"Content-Length: 2\r\n\r\nok"
    )
    async with https_ingress(pod, tmp_path) as server:
        client = await server.connect()
        response = await client.get(("cookie", "a=1"), ("cookie", "b=2"), ("te", "trailers"), ("k-proxy-request", "x"), ("x-kept", "ü"))
    assert {b"cookie: a=1; b=2", b"x-kept: \xc3\xbc"} <= lines(pod.heads[0])
    assert not {b"te", b"k-proxy-request", b":path"} & set(names(pod.heads[0]))
    assert [value for name, value in response.headers if name == "set-cookie"] == ["a=1", "b=2"]
    assert (response.body, response.header("x-back"), response.header("keep-alive"), response.header("connection")) == (b"ok", None, None, None)


async def test_bodies_without_a_length_are_chunked_and_trailers_are_discarded(tmp_path: Path) -> None:
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Late: 1\r\n\r\n"
    pod = answers(chunks)
    async with https_ingress(pod, tmp_path) as server:
        client = await server.connect()
        stream = await client.request(method="POST", end=False)
        await client.send(stream, b"hello ")
        await client.send(stream, b"world")
        client.h2.send_headers(stream, [("x-trailer", "1")], end_stream=True)
        await client.flush()
        response = await client.response(stream)
    assert pod.bodies == [b"hello world"] and b"transfer-encoding: chunked" in lines(pod.heads[0]) and b"x-trailer" not in names(pod.heads[0])
    assert (response.body, response.is_whole) == (b"ok", True)


@pytest.mark.parametrize(
    ("method", "raw", "status", "body"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, b""),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", 304, b""),
        ("GET", b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + OK, 200, b"ok"),
        ("OPTIONS", OK, 200, b"ok"),
    ],
)
async def test_shapes_of_responses(tmp_path: Path, method: str, raw: bytes, status: int, body: bytes) -> None:
    async with https_ingress(answers(raw), tmp_path) as server:
        client = await server.connect()
        response = await client.get(method=method, path="*" if method == "OPTIONS" else "/")
        assert (response.status, response.body, response.is_whole, response.reset) == (status, body, True, None)
        assert response.interim == ([103] if b"103" in raw else [])


async def test_a_response_that_the_pod_cuts_is_reset(tmp_path: Path) -> None:
    async with https_ingress(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", close=True), tmp_path) as server:
        client = await server.connect()
        response = await client.get()
        assert (response.is_whole, response.reset) == (False, 2)
        assert (await client.get(host="nobody.localhost")).status == 404, "other streams of the connection go on"


async def test_refusals_of_the_ingress(tmp_path: Path) -> None:
    pod = answers(OK)
    async with https_ingress(pod, tmp_path) as server:
        client = await server.connect()
        assert (await client.get(host="nobody.localhost")).status == 404
        assert (await client.get(host="a b")).status == 400
        assert (await client.get(method="get")).status == 501
        assert (await client.get(path="https://other.localhost/")).status == 400
        assert (await client.get(path="/a b")).status == 400
        assert (await client.get(("x(y)", "1"))).status == 400
        assert (await client.get(path="/" + "a" * 40_000)).status == 414
        assert (await client.get(*((f"x-{number}", "a" * 330) for number in range(198)))).status == 431
        assert (await client.get(*((f"x-{number}", "") for number in range(201)))).status == 431
        tunnel = client.h2.get_next_available_stream_id()
        client.responses[tunnel] = Response()
        client.h2.send_headers(tunnel, [(":method", "CONNECT"), (":authority", HOST)])
        await client.flush()
        assert (await client.response(tunnel)).status == 400
        doubled = await client.request(("content-length", "2"), ("content-length", "2"), method="POST", end=False)
        assert (await client.response(doubled)).status == 400
    assert pod.heads == []


async def test_requests_of_a_connection_are_served_at_the_same_time(tmp_path: Path) -> None:
    together = asyncio.Event()
    waiting: list[bytes] = []

    async def answer(pod: Pod, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        waiting.append(head)
        if len(waiting) == MAX_STREAMS:
            together.set()
        await together.wait()
        writer.write(OK)

    async with https_ingress(Pod(answer), tmp_path) as server:
        client = await server.connect()
        streams = [await client.request() for _ in range(MAX_STREAMS)]
        assert {(await client.response(stream)).status for stream in streams} == {200}


async def test_streams_above_the_limit_are_refused_alone(tmp_path: Path) -> None:
    """A client that does not know the limit yet may open more."""
    release = asyncio.Event()

    async def answer(pod: Pod, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        await release.wait()
        writer.write(OK)

    async with https_ingress(Pod(answer), tmp_path) as server:
        client = await server.connect()
        client.h2.remote_settings.update({3: 1000})
        client.h2.remote_settings.acknowledge()
        streams = [await client.request() for _ in range(MAX_STREAMS + 5)]
        refused = [await client.response(stream) for stream in streams[MAX_STREAMS:]]
        assert [each.reset for each in refused] == [7] * 5
        release.set()
        assert {(await client.response(stream)).status for stream in streams[:MAX_STREAMS]} == {200}
        assert (await client.get()).status == 200


async def test_a_slow_client_pauses_the_pod_and_not_its_other_streams(tmp_path: Path) -> None:
    written = [0]

    async def answer(pod: Pod, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        if b"/small" in head:
            writer.write(OK)
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (32 * MEBIBYTE))
        for _ in range(32):
            writer.write(b"x" * MEBIBYTE)
            await writer.drain()
            written[0] += MEBIBYTE

    async with https_ingress(Pod(answer), tmp_path) as server:
        client = await server.connect()
        client.reads_bodies = False
        large = await client.request()
        await client.until(lambda: len(client.responses[large].body) >= 65_535)
        await asyncio.sleep(0.3)  # whatever may flow has flowed
        before = written[0]
        assert before < 16 * MEBIBYTE, "the pod writes into the kernel's buffers only"
        client.h2.increment_flow_control_window(MEBIBYTE)
        await client.flush()
        client.reads_bodies = True
        assert (await client.get(path="/small")).body == b"ok"
        client.h2.increment_flow_control_window(33 * MEBIBYTE, large)
        client.h2.increment_flow_control_window(33 * MEBIBYTE)
        await client.flush()
        response = await client.response(large)
        assert len(response.body) == 32 * MEBIBYTE


async def test_a_slow_pod_pauses_the_client(tmp_path: Path) -> None:
    read = asyncio.Event()

    async def answer(pod: Pod, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        if b"/small" in head:
            writer.write(OK)
            return
        await read.wait()
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None
        rest = int(length[1])
        while rest:
            rest -= len(await reader.read(min(rest, 1 << 16)))
        writer.write(OK)

    async with https_ingress(Pod(answer), tmp_path) as server:
        client = await server.connect()
        await client.until(lambda: client.is_acknowledged)
        size = 32 * MEBIBYTE
        stream = await client.request(("content-length", str(size)), method="POST", end=False)
        sent = 0

        async def send_some() -> None:
            nonlocal sent
            while (room := min(client.h2.local_flow_control_window(stream), 16_384, size - sent)) > 0:
                await client.send(stream, b"x" * room)
                sent += room

        for _ in range(20):
            await send_some()
            await asyncio.sleep(0.02)
        assert STREAM_WINDOW_BYTES <= sent < 16 * MEBIBYTE, "the rest waits at the client"
        assert (await client.get(path="/small")).body == b"ok"
        read.set()
        while sent < size:
            await client.until(lambda: client.h2.local_flow_control_window(stream) > 0)
            await send_some()
        client.h2.end_stream(stream)
        await client.flush()
        assert (await client.response(stream)).status == 200


async def test_an_answer_during_an_upload_stops_the_upload(tmp_path: Path) -> None:
    async def answer(pod: Pod, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\nno")

    async with https_ingress(Pod(answer), tmp_path) as server:
        client = await server.connect()
        stream = await client.request(("content-length", "100000000"), method="POST", end=False)
        response = await client.response(stream)
        assert (response.status, response.body) == (413, b"no")
        await client.until(lambda: response.reset == 0)
        again = await client.request(("content-length", "3"), method="POST", end=False)
        await client.send(again, b"abc", end=True)
        assert (await client.response(again)).status == 413
