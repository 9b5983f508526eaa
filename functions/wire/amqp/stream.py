"""pika's asyncio I/O services on the event loop's own transport.

pika's adapter reads and writes its socket in Python and registers a writer for each burst. uvloop's transport does this in C.
`functions.wire.transport` combines the writes of one turn of the loop.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any, cast

from pika.adapters.asyncio_connection import _AsyncioIOReference, _AsyncioIOServicesAdapter

from functions.wire.transport import CoalescingTransport


class StreamServices(_AsyncioIOServicesAdapter):  # type: ignore[misc]
    """pika's I/O services with another stream transport."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._event_loop = loop

    def create_streaming_connection(
        self,
        protocol_factory: Callable[[], Any],
        sock: socket.socket,
        on_done: Callable[[Any], None],
        ssl_context: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> Any:
        async def connect() -> PikaStream:
            _, stream = await self._event_loop.create_connection(
                lambda: PikaStream(protocol_factory()), sock=sock, ssl=ssl_context, server_hostname=server_hostname if ssl_context else None
            )
            return stream

        def on_result(result: PikaStream | BaseException) -> None:
            if isinstance(result, PikaStream):
                result.protocol.connection_made(result)
                on_done((result, result.protocol))
            else:
                on_done(result)

        return _AsyncioIOReference(self._event_loop.create_task(connect()), on_result)


class PikaStream(asyncio.Protocol):
    """A protocol of the event loop and, for pika's `protocol`, its transport (pika.adapters.utils.nbio_interface.AbstractStreamTransport)."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self._transport: CoalescingTransport | None = None
        self._is_lost = False

    # -- called by pika

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def get_protocol(self) -> Any:
        return self.protocol

    def get_write_buffer_size(self) -> int:
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    # -- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = CoalescingTransport(cast(asyncio.Transport, transport))  # uvloop's transport does not inherit from asyncio.Transport

    def data_received(self, data: bytes) -> None:
        self.protocol.data_received(data)

    def eof_received(self) -> bool | None:
        return bool(self.protocol.eof_received())

    def connection_lost(self, error: Exception | None) -> None:
        if not self._is_lost:
            self._is_lost = True
            self.protocol.connection_lost(error)
