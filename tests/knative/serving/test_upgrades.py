"""Changes of the protocol through the ingress: websockets pass, other offers are ignored."""

import asyncio

import pytest

from tests.knative.serving.one_pod import OK, Pod, answers, head, ingress, names


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
