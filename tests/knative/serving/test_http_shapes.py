"""Requests and responses in odd shapes through the ingress, over real sockets: what a pod receives and what a client gets, byte by byte."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from knative.local.serving.http.clients import Clients
from knative.local.serving.http.server import ClientConnection
from knative.local.serving.http.upstreams import Upstreams
from knative.local.serving.ingress import Ingress
from knative.local.serving.pods.network import PodNetworks
from knative.local.serving.routing import RouteEntry

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
WAIT_SECONDS = 60.0


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until(self, end: bytes) -> bytes:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.reader.readuntil(end)

    async def response(self) -> tuple[int, bytes, bytes]:
        """Return (status, head in lower case, body) of a response with a Content-Length."""
        head = (await self.until(b"\r\n\r\n")).lower()
        length = re.search(rb"content-length: (\d+)", head)
        async with asyncio.timeout(WAIT_SECONDS):
            body = await self.reader.readexactly(int(length[1])) if length else b""
        return int(head.split()[1]), head, body

    async def is_closed(self) -> bool:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.reader.read(1) == b""


@dataclass
class Pod:
    """A server that records what it receives and answers as its script says."""

    answer: Callable[["Pod", asyncio.StreamReader, asyncio.StreamWriter, bytes], Awaitable[None]]
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                await self.answer(self, reader, writer, head)
        writer.close()


async def read_body(pod: Pod, reader: asyncio.StreamReader, head: bytes) -> None:
    length = re.search(rb"content-length: (\d+)", head.lower())
    if length:
        pod.bodies.append(await reader.readexactly(int(length[1])))
    elif b"transfer-encoding: chunked" in head.lower():
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
        pod.bodies.append(body)


def answers(data: bytes, close: bool = False) -> Pod:
    async def answer(pod: Pod, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        await read_body(pod, reader, head)
        writer.write(data)
        await writer.drain()
        if close:
            writer.close()

    return Pod(answer)


class OneRoute:
    """Routing with one Service, whose host is shop.localhost and whose pod listens on a port."""

    def __init__(self, port: int) -> None:
        pod = SimpleNamespace(port=port)

        async def acquire(timeout: float) -> Any:
            return pod

        scaler = SimpleNamespace(name="shop-00001", timeout_seconds=WAIT_SECONDS, acquire=acquire, release=lambda pod: None)
        route = RouteEntry("app-x", "shop", "uid", "shop.localhost", ())
        self.table = SimpleNamespace(by_host=lambda host: (route, None) if host == route.host else None)
        self.scaler = lambda route, target: scaler
        self.record_request = lambda *_: None


@asynccontextmanager
async def ingress(pod: Pod) -> AsyncIterator[Callable[[], Awaitable[Client]]]:
    """Yield a function that connects to an ingress in front of the pod."""
    backend = await asyncio.start_server(pod.serve, "127.0.0.1", 0)
    upstreams = Upstreams(PodNetworks().connect)
    found = Ingress(OneRoute(backend.sockets[0].getsockname()[1]), upstreams, 0)  # type: ignore[arg-type]
    clients = Clients()
    server = await asyncio.get_running_loop().create_server(lambda: ClientConnection(found.serve, clients), "127.0.0.1", 0)
    opened: list[Client] = []

    async def connect() -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1], limit=1 << 24))
        opened.append(client)
        return client

    try:
        yield connect
    finally:
        for client in opened:
            client.writer.close()
        for connection in clients:
            connection.close()
        upstreams.close()
        server.close()
        backend.close()


def head(*lines: str, first: str = "GET / HTTP/1.1") -> bytes:
    return "\r\n".join([first, "Host: shop.localhost", *lines, "", ""]).encode()


def names(request: bytes) -> list[bytes]:
    return [line.partition(b":")[0] for line in request.split(b"\r\n")[1:] if line]


@pytest.mark.parametrize(
    "lines",
    [
        ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
        ("Connection: Upgrade", "Upgrade: TLS/1.2"),
        ("Connection: keep-alive", "Connection: upgrade", "Upgrade: foo", "Upgrade: bar"),
        ("Upgrade: websocket",),
    ],
)
@pytest.mark.parametrize("body", ["none", "sized", "chunked"])
async def test_an_offer_of_another_protocol_is_ignored(lines: tuple[str, ...], body: str) -> None:
    framing, content = {
        "none": ((), b""),
        "sized": (("Content-Length: 5",), b"hello"),
        "chunked": (("Transfer-Encoding: chunked",), b"5\r\nhello\r\n0\r\n\r\n"),
    }[body]
    pod = answers(OK)
    async with ingress(pod) as connect:
        client = await connect()
        await client.send(head(*lines, *framing, first="POST /first HTTP/1.1") + content + head(first="GET /second HTTP/1.1"))
        assert (await client.response())[::2] == (200, b"ok") and (await client.response())[::2] == (200, b"ok")
    assert [each.split()[1] for each in pod.heads] == [b"/first", b"/second"]
    assert pod.bodies == ([b"hello"] if body != "none" else [])
    assert not {b"upgrade", b"connection", b"http2-settings"} & set(names(pod.heads[0]))


async def test_a_body_after_an_ignored_offer_arrives_piece_by_piece() -> None:
    pod = answers(OK)
    async with ingress(pod) as connect:
        client = await connect()
        request = head("Connection: Upgrade", "Upgrade: h2c", "Content-Length: 5", first="POST / HTTP/1.1") + b"hello"
        for index in range(len(request)):
            await client.send(request[index : index + 1])
        assert (await client.response())[0] == 200
    assert pod.bodies == [b"hello"]


async def test_websockets_pass_with_their_headers_and_bytes() -> None:
    async def answer(pod: Pod, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
        if b"websocket" not in request:
            writer.write(OK)
            return
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: chat\r\n\r\nhi ")
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()

    pod = Pod(answer)
    async with ingress(pod) as connect:
        client = await connect()
        lines = ("Connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Protocol: chat, other", "Sec-WebSocket-Key: x")
        await client.send(head(first="GET /before HTTP/1.1") + head(*lines) + b"early ")
        assert (await client.response())[2] == b"ok"
        response = (await client.until(b"\r\n\r\n")).lower()
        assert response.startswith(b"http/1.1 101") and b"upgrade: websocket" in response and b"sec-websocket-protocol: chat\r\n" in response
        assert await client.until(b"hi early ") == b"hi early "
        frame = bytes(range(256)) * 8192
        sending = asyncio.create_task(client.send(frame + b"end"))
        assert await client.until(b"end") == frame + b"end"
        await sending
    assert b"sec-websocket-protocol: chat, other" in pod.heads[1] and b"upgrade: websocket" in pod.heads[1]


async def test_a_pod_that_changes_the_protocol_unasked_is_a_502() -> None:
    async with ingress(answers(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")) as connect:
        client = await connect()
        await client.send(head())
        assert (await client.response())[0] == 502


async def test_trailers_are_no_headers() -> None:
    response = b"HTTP/1.1 200 OK\r\nTrailer: x-late\r\nTransfer-Encoding: chunked\r\n\r\n2;ext=1\r\nok\r\n0\r\nX-Late: 1\r\nSet-Cookie: a=b\r\n\r\n"
    pod = answers(response)
    async with ingress(pod) as connect:
        client = await connect()
        chunks = b'4;name="a b"\r\nbody\r\n0\r\nHost: other.localhost\r\nX-Admin: 1\r\n\r\n'
        await client.send(head("Transfer-Encoding: chunked", "Trailer: X-Admin", "TE: trailers", first="POST / HTTP/1.1") + chunks)
        received = await client.until(b"0\r\n\r\n")
    assert pod.bodies == [b"body"]
    assert not {b"x-admin", b"trailer", b"te", b"content-length"} & set(names(pod.heads[0])) and names(pod.heads[0]).count(b"host") == 1
    assert b"x-late" not in received.lower() and b"set-cookie" not in received.lower() and b"2\r\nok\r\n" in received


async def test_headers_of_one_connection_are_not_forwarded() -> None:
    pod = answers(
        b"HTTP/1.1 200 OK\r\nConnection: x-back\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nX-Back: 1\r\nContent-Length: 2\r\n\r\nok"
    )
    async with ingress(pod) as connect:
        client = await connect()
        sent = ("Connection: x-one", "Connection: X-Two , close-not", "X-One: 1", "X-Two: 1", "X_Two: 1", "Keep-Alive: 300", "X-Kept: 1")
        await client.send(head(*sent, "X_Forwarded_For: 6.6.6.6", "Proxy-Authorization: x", "X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 2.2.2.2"))
        _, response, body = await client.response()
    found = names(pod.heads[0])
    assert b"x-kept" in found and b"x-forwarded-for: 1.1.1.1, 2.2.2.2, 127.0.0.1\r\n" in pod.heads[0]
    assert not {b"x-one", b"x-two", b"x_two", b"keep-alive", b"x_forwarded_for", b"connection", b"proxy-authorization"} & set(found)
    assert body == b"ok" and b"x-back" not in response and b"keep-alive" not in response


async def test_a_connection_header_does_not_remove_the_length_of_the_body() -> None:
    pod = answers(OK)
    async with ingress(pod) as connect:
        client = await connect()
        await client.send(head("Connection: content-length", "Content-Length: 5", first="POST / HTTP/1.1") + b"hello")
        assert (await client.response())[0] == 200
    assert pod.bodies == [b"hello"] and len(pod.heads) == 1


async def test_interim_responses_are_forwarded() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x\r\nX: 1\r\n\r\n"
    async with ingress(answers(b"HTTP/1.1 102 Processing\r\n\r\n" + hints + OK)) as connect:
        client = await connect()
        await client.send(head())
        assert (await client.response())[:2] == (102, b"http/1.1 102 processing\r\n\r\n")
        assert (await client.response())[1] == b"http/1.1 103 early hints\r\nlink: </a.css>; rel=preload\r\n\r\n"
        assert (await client.response())[::2] == (200, b"ok")
        old = await connect()
        await old.send(head(first="GET / HTTP/1.0"))
        assert (await old.response())[::2] == (200, b"ok") and await old.is_closed()


async def test_a_client_waits_for_100_continue() -> None:
    async def answer(pod: Pod, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
        assert b"expect: 100-continue" in request
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await read_body(pod, reader, request)
        writer.write(OK)

    pod = Pod(answer)
    async with ingress(pod) as connect:
        client = await connect()
        await client.send(head("Expect: 100-continue", "Content-Length: 5", first="PUT / HTTP/1.1"))
        assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"hello")
        assert (await client.response())[::2] == (200, b"ok")
    assert pod.bodies == [b"hello"]


@pytest.mark.parametrize(
    ("method", "response", "status", "kept"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", 200, b"content-length: 500"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, b"transfer-encoding: chunked"),
        ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, b""),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: x\r\n\r\n", 304, b"etag: x"),
        (
            "GET",
            b"HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n",
            426,
            b"upgrade: websocket",
        ),
    ],
)
async def test_a_response_without_a_body_keeps_the_connection(method: str, response: bytes, status: int, kept: bytes) -> None:
    async with ingress(answers(response)) as connect:
        client = await connect()
        for _ in range(2):
            await client.send(head(first=f"{method} / HTTP/1.1"))
            received = (await client.until(b"\r\n\r\n")).lower()
            assert received.startswith(b"http/1.1 %d " % status) and kept in received and b"connection: close" not in received
            assert status != 204 or b"content-length" not in received


async def test_http_1_0_clients() -> None:
    async with ingress(answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")) as connect:
        client = await connect()
        await client.send(head("Connection: keep-alive", first="GET / HTTP/1.0"))
        received = await client.until(b"ok")
        assert b"chunked" not in received.lower() and await client.is_closed()
    async with ingress(answers(OK)) as connect:
        client = await connect()
        for _ in range(2):
            await client.send(head("Connection: keep-alive", first="GET / HTTP/1.0"))
            assert b"connection: keep-alive" in (await client.response())[1]


@pytest.mark.parametrize(
    ("request_bytes", "status", "words"),
    [
        (head(first=f"GET /{'x' * 40_000} HTTP/1.1"), 414, "32,768 bytes"),
        (head(f"X-Long: {'x' * 70_000}"), 431, "65,536 bytes"),
        (head(*(f"X-{number}: {'x' * 1000}" for number in range(80))), 431, "65,536 bytes"),
        (b"GET /" + b"x" * 80_000, 414, "32,768 bytes"),
        (head(first="GET / HTTP/2.0"), 505, "HTTP/1.1"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/1.1"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", 400, "not HTTP"),
        (head("Transfer-Encoding: gzip, chunked", first="POST / HTTP/1.1"), 501, "chunked"),
        (head("Transfer-Encoding: chunked", first="POST / HTTP/1.0"), 400, "HTTP/1.0"),
        (head("Content-Length: 3", "Transfer-Encoding: chunked", first="POST / HTTP/1.1"), 400, "Content-Length"),
        (head("Content-Length: 3", "Content-Length: 4", first="POST / HTTP/1.1"), 400, "Content-Length"),
        (head("Content-Length: 3, 3", first="POST / HTTP/1.1"), 400, "Content-Length"),
        (head("Transfer-Encoding : chunked", first="POST / HTTP/1.1"), 400, "not HTTP"),
        (head("X: a", " folded: b"), 400, "not HTTP"),
        (head("Host: other.localhost"), 400, "Host"),
        (head(first="CONNECT shop.localhost:443 HTTP/1.1"), 400, "CONNECT"),
        (head("Content-Length: 3", "Connection: Upgrade", "Upgrade: websocket") + b"abc", 400, "body"),
    ],
    ids=range(17),
)
async def test_what_cannot_be_forwarded_is_explained(request_bytes: bytes, status: int, words: str) -> None:
    pod = answers(OK)
    async with ingress(pod) as connect:
        client = await connect()
        await client.send(head(first="GET /good HTTP/1.1") + request_bytes + head(first="GET /after HTTP/1.1"))
        assert (await client.response())[0] == 200, "a good request before it keeps its response"
        found, response, body = await client.response()
        assert found == status and words.encode() in body and b"application/problem+json" in response, body
        assert b"connection: close" in response and await client.is_closed()
    assert [each.split()[1] for each in pod.heads] == [b"/good"]


@pytest.mark.parametrize("chunk", [b"zz\r\nbody\r\n", b"4\r\nbodyX", b"-1\r\n\r\n", b"0x4\r\nbody\r\n"])
async def test_a_malformed_chunk_ends_the_request(chunk: bytes) -> None:
    async with ingress(answers(OK)) as connect:
        client = await connect()
        await client.send(head("Transfer-Encoding: chunked", first="POST / HTTP/1.1") + b"2\r\nab\r\n")
        await client.send(chunk)
        assert (await client.response())[0] == 400 and await client.is_closed()


async def test_a_get_request_may_have_a_body() -> None:
    pod = answers(OK)
    async with ingress(pod) as connect:
        client = await connect()
        await client.send(head("Content-Length: 5", first="GET /search HTTP/1.1") + b"hello")
        assert (await client.response())[0] == 200
    assert pod.bodies == [b"hello"]


@pytest.mark.parametrize("target", ["http://Shop.Localhost.:80/a?b", "/a?b#fragment", "/a?b"])
async def test_a_pod_gets_the_target_in_its_plain_form(target: str) -> None:
    pod = answers(OK)
    async with ingress(pod) as connect:
        client = await connect()
        await client.send(head(first=f"GET {target} HTTP/1.1"))
        assert (await client.response())[0] == 200
    assert pod.heads[0].startswith(b"GET /a?b HTTP/1.1\r\n")


async def test_an_early_response_reaches_a_client_that_still_sends() -> None:
    """Also when the pod closes the connection with unread data, as servers do after a 413."""

    async def answer(pod: Pod, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large")
        await writer.drain()
        writer.close()

    async with ingress(Pod(answer)) as connect:
        for _ in range(20):
            client = await connect()
            await client.send(head("Content-Length: 50000000", first="POST / HTTP/1.1"))

            async def upload(client: Client = client) -> None:
                for _ in range(200):
                    client.writer.write(b"x" * 65536)
                    await client.writer.drain()

            uploading = asyncio.create_task(upload())
            assert (await client.response())[::2] == (413, b"too large")
            client.writer.close()
            await asyncio.gather(uploading, return_exceptions=True)


async def test_a_large_upload_is_streamed_not_collected() -> None:
    """The pod answers after the first piece, and the client sends the last one after that."""

    async def answer(pod: Pod, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        left = 20_000_000
        while left:
            data = await reader.read(1 << 16)
            left -= len(data)
            writer.write(b"%x\r\n%s\r\n" % (len(data), b"." * len(data)) if left > 19_000_000 or not left else b"")
        writer.write(b"0\r\n\r\n")

    async with ingress(Pod(answer)) as connect:
        client = await connect()
        await client.send(head("Content-Length: 20000000", first="POST / HTTP/1.1"))
        await client.send(b"x" * 65536)
        await client.until(b"....")
        await client.send(b"x" * (20_000_000 - 65536))
        await client.until(b"\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"", 502), (b"HTTP/1.1 20", 502), (b"garbage\r\n\r\n", 502), (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 502)],
)
async def test_a_pod_that_closes_before_it_answers_is_a_502(sent: bytes, status: int) -> None:
    async with ingress(answers(sent, close=True)) as connect:
        client = await connect()
        await client.send(head(first="POST / HTTP/1.1"))
        found, response, _ = await client.response()
        assert found == status and b"problem+json" in response


async def test_a_pod_that_closes_after_the_first_byte_ends_the_connection() -> None:
    async with ingress(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", close=True)) as connect:
        client = await connect()
        await client.send(head())
        received = await client.until(b"half")
        assert b"502" not in received
        with suppress(ConnectionResetError):  # the client must notice that the response is incomplete
            assert await client.is_closed()
