"""A small server over HTTP/1.1, for clients under load. Run as a program: `python load_backend.py PORT`.

`GET /endless` streams until its client is gone, `/digest` answers with the digest of the body, everything else is a short answer.
"""

import asyncio
import hashlib
import re
import sys
from contextlib import suppress

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if head.startswith(b"get /endless"):
                writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                while True:
                    writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
                    await writer.drain()
            elif b" /digest " in head:
                digest = (await digest_of(reader, head)).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(digest), digest))
            else:
                writer.write(OK)
            await writer.drain()
    writer.close()


async def digest_of(reader: asyncio.StreamReader, head: bytes) -> str:
    found = hashlib.sha256()
    if length := re.search(rb"content-length: (\d+)", head):
        rest = int(length[1])
        while rest:
            data = await reader.readexactly(min(rest, 1 << 16))
            found.update(data)
            rest -= len(data)
    else:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            found.update((await reader.readexactly(size + 2))[:-2])
        await reader.readuntil(b"\r\n")
    return found.hexdigest()


async def main(port: int) -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", port, limit=1 << 20)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
