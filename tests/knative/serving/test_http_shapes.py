"""Requests and responses in odd shapes through the ingress, over real sockets: what a pod receives and what a client gets, byte by byte."""

import asyncio
from contextlib import suppress

import pytest

from tests.knative.serving.one_pod import OK, Client, Pod, answers, head, ingress, names, read_body


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
