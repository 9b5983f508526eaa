"""Rehearse the start of a function, in a fork that waits for the function that it will be (one-machine Knative's spare children).

`rehearse` composes functions, serves requests, verifies an access token, and uses a RabbitMQ and a PostgreSQL that are this process
(`rehearsal_servers`), so that what every function needs until it has answered is in this process's own memory before a message arrives. It reads no
setting and no secret, connects to itself only, and leaves nothing open.
"""

import asyncio
import gc
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import uuid4

import jwt
import psycopg
import uvloop

from functions.runtime.config import variables
from functions.runtime.config.registry import contexts
from functions.runtime.config.settings import Settings
from functions.runtime.messaging.bus import Bus
from functions.runtime.security import tokens
from functions.runtime.serving import rehearsal_servers, serve
from functions.runtime.serving.process import Process
from functions.runtime.storage.database import Database
from functions.runtime.storage.session import Statement
from functions.wire.cloudevents import Message, new_message

LOOPBACK = "127.0.0.1"
NO_FOLDER = "/nonexistent"
"""Where no Secret is mounted."""
NAME = "rehearsal"
FUNCTION = "health"
"""Of every context."""
REQUESTS = b"GET /healthz HTTP/1.1\r\nhost: rehearsal\r\n\r\n", b"POST / HTTP/1.1\r\nhost: rehearsal\r\ncontent-length: 2\r\n\r\n{}"
"""A probe, and a message that is no CloudEvent."""


def rehearse() -> None:
    uvloop.run(_rehearse())
    gc.collect()
    gc.freeze()


async def _rehearse() -> None:
    with socket.create_server((LOOPBACK, 0)) as listening:
        await _serve(listening)
    verify_token()
    async with _listening(rehearsal_servers.serve_rabbitmq) as address:
        await _publish(f"amqp://{address}")
    async with _listening(rehearsal_servers.refuse_login) as address:
        with suppress(psycopg.OperationalError):
            await psycopg.AsyncConnection.connect(f"postgresql://{address}")
    async with _listening(rehearsal_servers.serve_postgresql) as address:
        await _query(f"postgresql://{address}")


async def _serve(listening: socket.socket) -> None:
    names = contexts()
    environment = {
        variables.ROOT.name: NO_FOLDER,
        variables.FUNCTION.name: ",".join(f"{name}.{FUNCTION}" for name in names),
        variables.AMQP_URL.name: f"amqp://{_address(listening)}",
        **{variables.DATABASE_URL.of(name).name: f"postgresql://{_address(listening)}" for name in names},
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


class _WithKeys(Settings):
    """Settings with public keys as their only file."""

    def __init__(self, jwks: tokens.JwkSet) -> None:
        super().__init__({})
        self._jwks = json.dumps(tokens.public_jwks(jwks)).encode()

    def file(self, mounted: str) -> bytes:
        return self._jwks


def verify_token() -> None:
    """Verify a token, as the first message of a caller is."""
    key, token, now = _signed_token()
    tokens.AccessTokens(_WithKeys({"keys": [key]})).verify(token, now)


@cache
def _signed_token() -> tuple[tokens.Jwk, str, datetime]:
    """A token, and its key, of the first call: a new key takes 0.1 s of CPU. Forks have that of their parent."""
    key, now = tokens.new_signing_key(), datetime.now(UTC)
    claims = {
        "iss": variables.ISSUER.default, "aud": tokens.AUDIENCE, "sub": str(uuid4()), "sid": str(uuid4()), "roles": [NAME],
        "iat": now, "exp": now + timedelta(minutes=1), "jti": NAME,
    }  # fmt: skip
    return key, jwt.encode(claims, jwt.PyJWK(key), tokens.ALGORITHM, headers={"kid": key["kid"], "typ": tokens.TYPE}), now


async def _publish(url: str) -> None:
    """Read a message, publish one with a confirm, and one without."""
    message = new_message(NAME, f"/{NAME}", b"{}", datetime.now(UTC))
    Message.from_http({f"ce-{name}": value for name, value in message.headers().items()} | {"content-type": "application/json"}, b"{}")
    bus = Bus(url, NAME)
    bus.open()
    await bus.publish(NAME, NAME, message.headers(), b"{}")
    await bus.publish_unconfirmed(NAME, NAME, {"correlationid": NAME}, b"{}")
    await bus.close()


async def _query(url: str) -> None:
    """A transaction: statements of the runtime, and one of a handler."""
    database = Database(url, size=1)
    async with database.transaction(is_begin_queued=True) as connection:
        await connection.flush(Statement("SELECT %s", (NAME,)))
        await (await connection.execute("SELECT %s", [NAME])).fetchall()
    await database.close()


@asynccontextmanager
async def _listening(handle: rehearsal_servers.Handle) -> AsyncIterator[str]:
    """Yield the address of a server, with a user, a password and a database or virtual host."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        async with await asyncio.start_server(handle, sock=listening):
            yield _address(listening)


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()
    return f"{NAME}:{NAME}@{host}:{port}/{NAME}"
