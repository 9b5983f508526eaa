"""A connection that ends after its last response although the client still sends."""

import asyncio
from collections.abc import Callable

from functions.wire.transport import CoalescingTransport

LINGER_SECONDS = 5.0
"""How long a client that still sends may take to read the response and close."""


class LingeringTransport(CoalescingTransport):
    """Closes with unread data in two steps, because closing at once resets the connection and the client would lose the response (RFC 9112
    section 9.6): this direction first, then, after LINGER_SECONDS, all of it. What arrives in between is for nobody.

    `has_unread_data`: whether the client has more to send.
    """

    is_lingering = False

    def __init__(self, transport: asyncio.Transport, has_unread_data: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._has_unread_data = has_unread_data

    def is_closing(self) -> bool:
        return self.is_lingering or self._transport.is_closing()

    def close(self) -> None:
        if self._has_unread_data():
            self.linger()
        else:
            super().close()

    def linger(self) -> None:
        if self.is_closing():
            return
        self.flush()
        if not self._transport.can_write_eof():
            self._transport.close()
            return
        self.is_lingering = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._loop.call_later(LINGER_SECONDS, self._transport.abort)
