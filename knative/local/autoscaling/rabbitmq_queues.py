"""The messages that wait in a queue of RabbitMQ, over AMQP 0-9-1: `queue.declare` with `passive` returns them.

Only messages that no consumer has yet count, as in KEDA over this protocol. The codecs are pika's; the connection is a stream of asyncio, so that
a server that never answers is left at the time limit.

Sources: AMQP 0-9-1, 1.7.2.1 and 4.2; KEDA 2.18, pkg/scalers/rabbitmq_scaler.go.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, TypeVar, cast
from urllib.parse import unquote, urlsplit

from knative.local.autoscaling.decision import MetricUnavailable
from knative.local.autoscaling.destinations import Destinations

PORTS = {"amqp": 5672, "amqps": 5671}
PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
MAX_BYTES = 1 << 18
"""Of a conversation. A server's properties are the longest part."""
Method = TypeVar("Method")


@dataclass(frozen=True, slots=True)
class RabbitAddress:
    host: str
    port: int
    user: str
    password: str
    virtual_host: str
    has_tls: bool

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises MetricUnavailable. Source: RabbitMQ URI specification."""
        address = urlsplit(url)
        try:
            port = address.port or PORTS[address.scheme]
        except (ValueError, KeyError):
            raise MetricUnavailable("rabbitmq: the variable has no URL with amqp:// or amqps://") from None
        user, password = (unquote(each) if each is not None else "guest" for each in (address.username, address.password))
        virtual_host = unquote(address.path[1:]) if address.path not in ("", "/") else "/"
        return cls(address.hostname or "localhost", port, user, password, virtual_host, address.scheme == "amqps")


async def count_waiting(url: str, queue: str, destinations: Destinations) -> float:
    """Raises MetricUnavailable, TimeoutError."""
    server = RabbitAddress.parse(url)
    address = await destinations.address_of(server.host, server.port)
    security = {"ssl": ssl.create_default_context(), "server_hostname": server.host} if server.has_tls else {}
    try:
        reader, writer = await asyncio.open_connection(address, server.port, **security)  # type: ignore[arg-type]
    except OSError as error:
        raise MetricUnavailable(f"rabbitmq: {server.host} does not accept the connection: {error}") from error
    try:
        return float(await _Conversation(reader, writer).count(server, queue))
    except (OSError, asyncio.IncompleteReadError) as error:
        raise MetricUnavailable(f"rabbitmq: {server.host} closed the connection: {error}") from error
    finally:
        writer.close()


class _Conversation:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._buffer, self._received = b"", 0

    async def count(self, server: RabbitAddress, queue: str) -> int:
        """Raises MetricUnavailable, OSError."""
        from pika import spec

        self._writer.write(PROTOCOL_HEADER)
        await self._expect(spec.Connection.Start)
        properties = {"product": "Capsule autoscaling", "capabilities": {"authentication_failure_close": True}}
        response = f"\0{server.user}\0{server.password}"
        self._send(0, spec.Connection.StartOk(properties, "PLAIN", response, "en_US"))
        tune = await self._expect(spec.Connection.Tune)
        self._send(0, spec.Connection.TuneOk(tune.channel_max, tune.frame_max, 0))
        self._send(0, spec.Connection.Open(server.virtual_host))
        await self._expect(spec.Connection.OpenOk)
        self._send(1, spec.Channel.Open())
        await self._expect(spec.Channel.OpenOk)
        self._send(1, spec.Queue.Declare(queue=queue, passive=True))
        declared = await self._expect(spec.Queue.DeclareOk)
        self._send(0, spec.Connection.Close(200, "", 0, 0))
        await self._writer.drain()
        return int(declared.message_count)

    def _send(self, channel: int, method: Any) -> None:
        from pika import frame

        self._writer.write(frame.Method(channel, method).marshal())

    async def _expect(self, kind: Callable[..., Method]) -> Method:
        """Return the next method. Raises MetricUnavailable when the server refuses, OSError when it closes the connection."""
        from pika import spec

        method: Any = await self._next_method()
        if isinstance(method, (spec.Connection.Close, spec.Channel.Close)):
            raise MetricUnavailable(f"rabbitmq: {method.reply_code} {method.reply_text}")
        if not isinstance(method, cast(type, kind)):
            raise MetricUnavailable(f"rabbitmq: the server sent {method.NAME} unexpectedly")
        return cast(Method, method)

    async def _next_method(self) -> object:
        from pika import exceptions, frame

        while self._received < MAX_BYTES:
            try:
                consumed, decoded = frame.decode_frame(self._buffer)
            except exceptions.AMQPError as error:
                raise MetricUnavailable(f"rabbitmq: the server does not speak AMQP 0-9-1: {error}") from error
            self._buffer = self._buffer[consumed:]
            if isinstance(decoded, frame.Method):
                return decoded.method
            if isinstance(decoded, frame.ProtocolHeader):
                raise MetricUnavailable("rabbitmq: the server does not speak AMQP 0-9-1")
            if decoded is not None:
                continue
            received = await self._reader.read(1 << 12)
            if not received:
                raise ConnectionResetError("the server closed the connection")
            self._buffer, self._received = self._buffer + received, self._received + len(received)
        raise MetricUnavailable("rabbitmq: the server sends too much")
