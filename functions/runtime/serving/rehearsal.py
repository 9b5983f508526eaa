"""Rehearse the start of a function, in a fork that waits for the function that it will be (one-machine Knative's spare children).

`rehearse` composes functions, serves requests and logs in to a database, so that what every function needs for it is in this process's own memory
before a message arrives. It reads no setting and no secret, connects to itself only, and leaves nothing open.
"""

import asyncio
import base64
import gc
import re
import socket
from contextlib import suppress

import psycopg
import uvloop

from functions.runtime.config import variables
from functions.runtime.config.registry import contexts
from functions.runtime.config.settings import Settings
from functions.runtime.serving import serve
from functions.runtime.serving.process import Process

LOOPBACK = "127.0.0.1"
NO_FOLDER = "/nonexistent"
"""Where no Secret is mounted."""
FUNCTION = "health"
"""Of every context."""
REQUESTS = b"GET /healthz HTTP/1.1\r\nhost: rehearsal\r\n\r\n", b"POST / HTTP/1.1\r\nhost: rehearsal\r\ncontent-length: 2\r\n\r\n{}"
"""A probe, and a message that is no CloudEvent."""
NO_ENCRYPTION = b"N"
SASL, SASL_CONTINUE = 10, 11
"""https://www.postgresql.org/docs/current/protocol-message-formats.html"""


def rehearse() -> None:
    uvloop.run(_rehearse())
    gc.collect()
    gc.freeze()


async def _rehearse() -> None:
    with socket.create_server((LOOPBACK, 0)) as listening:
        await _serve(listening)
    with socket.create_server((LOOPBACK, 0)) as listening:
        async with await asyncio.start_server(_refuse_login, sock=listening):
            with suppress(psycopg.OperationalError):
                await psycopg.AsyncConnection.connect(_address("postgresql", listening))


async def _serve(listening: socket.socket) -> None:
    names = contexts()
    environment = {
        variables.ROOT.name: NO_FOLDER,
        variables.FUNCTION.name: ",".join(f"{name}.{FUNCTION}" for name in names),
        variables.AMQP_URL.name: _address("amqp", listening),
        **{variables.DATABASE_URL.of(name).name: _address("postgresql", listening) for name in names},
    }
    process = Process(Settings(environment))
    process.compose()
    server = serve.server_of(serve.application(process), process)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    reader, writer = await asyncio.open_connection(*listening.getsockname())
    for request in REQUESTS:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
    writer.close()
    server.should_exit = True
    await serving


def _address(scheme: str, listening: socket.socket) -> str:
    host, port = listening.getsockname()
    return f"{scheme}://rehearsal:rehearsal@{host}:{port}/rehearsal"


async def _refuse_login(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A PostgreSQL that asks for a password and closes the connection when it has it (SCRAM-SHA-256, RFC 5802)."""
    with suppress(asyncio.IncompleteReadError):
        while len(await _read(reader)) == 4:  # requests of encryption; a startup message is longer
            writer.write(NO_ENCRYPTION)
        writer.write(_authentication(SASL, b"SCRAM-SHA-256\0\0"))
        await reader.readexactly(1)
        nonce = (await _read(reader)).rpartition(b"r=")[2]
        salt = base64.b64encode(bytes(16))
        writer.write(_authentication(SASL_CONTINUE, b"r=" + nonce + b"server,s=" + salt + b",i=1"))
        await reader.readexactly(1)
        await _read(reader)
    writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Return what follows the length of a message, which counts itself."""
    return await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big") - 4)


def _authentication(kind: int, data: bytes) -> bytes:
    return b"R" + (len(data) + 8).to_bytes(4, "big") + kind.to_bytes(4, "big") + data
