"""The application that the visitors use: HTTP/1.1, websockets and uploads from the standard library alone.

Every answer names the release that gave it. FAIL_AFTER: seconds after its start from which `/` answers 500.
"""

import asyncio
import base64
import hashlib
import os
import time
from pathlib import Path

VERSION = os.environ.get("VERSION", "") + "@" + Path("version.txt").read_text().strip()
FAIL_AFTER = float(Path("fail_after.txt").read_text())
STARTED = time.monotonic()
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            if headers.get("upgrade", "").lower() == "websocket":
                await websocket(headers["sec-websocket-key"].encode(), reader, writer)
                return
            length = int(headers.get("content-length", "0"))
            received = len(await reader.readexactly(length)) if length else 0
            has_failed = 0 <= FAIL_AFTER < time.monotonic() - STARTED and lines[0].startswith("GET / ")
            body = f"{received}".encode()
            status = "500 Internal Server Error" if has_failed else "200 OK"
            writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nx-version: {VERSION}\r\n\r\n".encode() + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()


async def websocket(key: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send every text frame back (RFC 6455 section 5), of at most 125 bytes."""
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: " + accept + b"\r\n\r\n")
    while True:
        first, second = await reader.readexactly(2)
        mask, data = await reader.readexactly(4), await reader.readexactly(second & 0x7F)
        payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
        writer.write(bytes((first, len(payload))) + payload)
        await writer.drain()
        if first & 0x0F == 8:
            return


async def main() -> None:
    server = await asyncio.start_server(handle, "0.0.0.0", int(os.environ["PORT"]))
    await server.serve_forever()


asyncio.run(main())
