"""The servers of a rehearsal: they answer what a function sends to RabbitMQ and PostgreSQL, and hold nothing.

Each serves connections from this process only, for as long as the rehearsal lasts.
"""

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress

from pika import frame, spec

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Serves a connection."""

PROTOCOL_HEADER_BYTES = 8
"""What an AMQP client sends first (AMQP 0-9-1, section 4.2.2)."""
CAPABILITIES = {"publisher_confirms": True, "basic.nack": True, "consumer_cancel_notify": True}
ANSWERS = {
    spec.Connection.StartOk: spec.Connection.Tune(2047, 131072, 60),
    spec.Connection.Open: spec.Connection.OpenOk(),
    spec.Connection.Close: spec.Connection.CloseOk(),
    spec.Channel.Open: spec.Channel.OpenOk(),
    spec.Channel.Close: spec.Channel.CloseOk(),
    spec.Confirm.Select: spec.Confirm.SelectOk(),
    spec.Basic.Qos: spec.Basic.QosOk(),
    spec.Basic.Publish: spec.Basic.Ack(1),
}
"""What a client's method gets. It publishes one message with a confirm at most, which is number 1 of its channel."""

NO_ENCRYPTION = b"N"
SASL, SASL_CONTINUE = 10, 11
"""https://www.postgresql.org/docs/current/protocol-message-formats.html"""
PARAMETERS = {b"server_version": b"15.0", b"client_encoding": b"UTF8", b"standard_conforming_strings": b"on", b"integer_datetimes": b"on"}
TEXT_COLUMN = b"\0\1text\0" + bytes(6) + (25).to_bytes(4, "big") + b"\xff\xff" + b"\xff\xff\xff\xff" + b"\0\0"
"""One column of type text."""


async def serve_rabbitmq(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A RabbitMQ that accepts every login."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        await reader.readexactly(PROTOCOL_HEADER_BYTES)
        start = spec.Connection.Start(server_properties={"capabilities": CAPABILITIES}, mechanisms="PLAIN", locales="en_US")
        writer.write(frame.Method(0, start).marshal())
        received = b""
        while data := await reader.read(1 << 16):
            received += data
            while True:
                consumed, value = frame.decode_frame(received)
                if value is None:
                    break
                received = received[consumed:]
                if isinstance(value, frame.Method) and (answer := ANSWERS.get(type(value.method))) is not None:
                    writer.write(frame.Method(value.channel_number, answer).marshal())
    writer.close()


async def refuse_login(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A PostgreSQL that wants a password and closes the connection when it has it (SCRAM-SHA-256, RFC 5802)."""
    with suppress(asyncio.IncompleteReadError):
        await _read_startup(reader, writer)
        writer.write(_authentication(SASL, b"SCRAM-SHA-256\0\0"))
        await reader.readexactly(1)
        nonce = (await _read(reader)).rpartition(b"r=")[2]
        salt = base64.b64encode(bytes(16))
        writer.write(_authentication(SASL_CONTINUE, b"r=" + nonce + b"server,s=" + salt + b",i=1"))
        await reader.readexactly(1)
        await _read(reader)
    writer.close()


async def serve_postgresql(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A PostgreSQL without passwords in which every SELECT finds nothing."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        await _read_startup(reader, writer)
        parameters = b"".join(_message(b"S", name + b"\0" + value + b"\0") for name, value in PARAMETERS.items())
        writer.write(_authentication(0) + parameters + _message(b"K", bytes(8)) + _ready())
        tag = b""
        while (kind := await reader.readexactly(1)) != b"X":
            body = await _read(reader)
            match kind:
                case b"Q":
                    tags = [_tag(text) for text in body.rstrip(b"\0").split(b";")]
                    writer.write(b"".join(_result(each) for each in tags) + _ready())
                case b"P":
                    tag = _tag(body[body.index(b"\0") + 1 :])
                    writer.write(_message(b"1"))
                case b"B":
                    writer.write(_message(b"2"))
                case b"D":
                    writer.write(_message(b"T", TEXT_COLUMN))
                case b"E":
                    writer.write(_message(b"C", tag + b"\0"))
                case b"S":
                    writer.write(_ready())
    writer.close()


async def _read_startup(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while len(await _read(reader)) == 4:  # requests of encryption; a startup message is longer
        writer.write(NO_ENCRYPTION)


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Return what follows the length of a message, which counts itself."""
    return await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big") - 4)


def _tag(statement: bytes) -> bytes:
    """Return the tag with which a statement completes: SELECT 0, BEGIN, COMMIT, …"""
    found = re.match(rb"\s*(\w+)", statement)
    word = found[1].upper() if found is not None else b""
    return b"SELECT 0" if word == b"SELECT" else word


def _result(tag: bytes) -> bytes:
    return (_message(b"T", TEXT_COLUMN) if tag.startswith(b"SELECT") else b"") + _message(b"C", tag + b"\0")


def _ready() -> bytes:
    return _message(b"Z", b"I")


def _authentication(kind: int, data: bytes = b"") -> bytes:
    return _message(b"R", kind.to_bytes(4, "big") + data)


def _message(kind: bytes, data: bytes = b"") -> bytes:
    return kind + (len(data) + 4).to_bytes(4, "big") + data
