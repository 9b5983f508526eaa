"""A transport that combines the writes of one turn of the event loop into one.

uvloop passes each `write` to the kernel at once, but pika writes a message in three (method, header, body) and uvicorn a response in
two (head, body): five system calls per request of the gateway, and as many wake-ups of RabbitMQ's reader. Combined they are two.
"""

import asyncio
from typing import Any


class CoalescingTransport:
    """Wraps a transport of the event loop. Everything but writing is passed to it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._chunks: list[bytes] = []
        self._pending_bytes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._chunks:
            self._loop.call_soon(self.flush)
        self._chunks.append(data)
        self._pending_bytes += len(data)

    def flush(self) -> None:
        if self._chunks:
            chunks, self._chunks, self._pending_bytes = self._chunks, [], 0
            if not self._transport.is_closing():  # the writer learns of a lost connection by connection_lost
                self._transport.write(b"".join(chunks))

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size() + self._pending_bytes

    def write_eof(self) -> None:
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        self._chunks, self._pending_bytes = [], 0
        self._transport.abort()
