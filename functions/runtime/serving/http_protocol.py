"""uvicorn's HTTP/1.1 protocol with limits on what a client may send before its request is complete.

uvicorn's own parser collects a head of any size and waits for its end without a limit. What is refused here is answered
with a problem document (RFC 9457), and the connection closes.
"""

import asyncio
from collections import Counter
from http import HTTPStatus
from typing import cast

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from functions.wire.http_limits import (
    HEAD_SECONDS,
    HEAD_TOO_SLOW,
    MAX_CONNECTIONS_PER_ADDRESS,
    TOO_MANY_CONNECTIONS,
    HeadFault,
    head_fault,
    incomplete_head_fault,
)
from functions.wire.problems import MEDIA_TYPE, type_uri
from functions.wire.transport import CoalescingTransport

LINGER_SECONDS = 5.0
"""How long a client that still sends may take to read the response and close."""
SLUGS = {400: "malformed-request", 408: "request-timeout", 414: "target-too-long", 431: "headers-too-large", 503: "unavailable"}
MALFORMED = HeadFault(400, "The request is not HTTP/1.1", "The request is not HTTP/1.1 (RFC 9112).")

_connections: Counter[str] = Counter()
"""Of each client address."""


def _release(address: str) -> None:
    _connections[address] -= 1
    if not _connections[address]:
        del _connections[address]


class _HeadRefused(Exception):
    """Raised inside a callback of the parser, which reports it as a parser error."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """Bounds the head in bytes, fields and seconds, and the connections of one address. Sends head and body of a response in one write."""

    _unread_bytes = 0
    """Since the parser last had a whole head or a part of a body: of a head, of the extension of a chunk, or of trailers."""
    _is_in_head = True
    _fault: HeadFault | None = None
    _head_timer: asyncio.TimerHandle | None = None
    _address = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, CoalescingTransport(transport)))
        self._address = self.client[0] if self.client else ""
        _connections[self._address] += 1
        if self._address and _connections[self._address] > MAX_CONNECTIONS_PER_ADDRESS:
            self._refuse(TOO_MANY_CONNECTIONS)
            return
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        _release(self._address)
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """The connection has another protocol from now on, which does not count it."""
        self._stop_head_timer()
        _release(self._address)
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        if self._fault is not None:
            return
        self._unread_bytes += len(data)
        if self._is_in_head and self._head_timer is None:
            self._start_head_timer()
        super().data_received(data)
        if self._fault is None and (fault := incomplete_head_fault(self._target, self._unread_bytes)) is not None:
            self._refuse(fault)

    def on_message_begin(self) -> None:
        self._is_in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_in_head, self._unread_bytes = False, 0
        self._stop_head_timer()
        if (fault := head_fault(self.url, self.headers)) is not None:
            self._fault = fault
            raise _HeadRefused
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unread_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_head, self._unread_bytes = True, 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Called for what the parser refuses, and for what `on_headers_complete` does."""
        self._refuse(self._fault or MALFORMED)

    @property
    def _target(self) -> bytes:
        """Of the head that is being read; empty before the first one."""
        return self.url if self.scope is not None and self._is_in_head else b""

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._on_slow_head)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _on_slow_head(self) -> None:
        self._head_timer = None
        if self._unread_bytes:
            self._refuse(HEAD_TOO_SLOW)
        elif not self._is_answering:  # a client that says nothing hears nothing
            self.transport.close()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, fault: HeadFault) -> None:
        """Read nothing more, and close. A request that is being answered gets its response instead of the fault of what follows it."""
        self._fault = fault
        self._stop_head_timer()
        if self._is_answering and self.cycle.more_body:
            self.transport.abort()
        elif self._is_answering:
            self.cycle.keep_alive = False
        elif not self.transport.is_closing():
            self.transport.write(_response(fault))
            self._close_after_response()

    def _close_after_response(self) -> None:
        """Close this direction, and discard what the client still sends: closing with unread data resets the connection, and the client
        would lose the response (RFC 9112 section 9.6)."""
        if not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)


def _response(fault: HeadFault) -> bytes:
    body = orjson.dumps({"type": type_uri(SLUGS[fault.status]), "title": fault.title, "status": fault.status, "detail": fault.detail})
    lines = (
        f"HTTP/1.1 {fault.status} {HTTPStatus(fault.status).phrase}",
        f"content-type: {MEDIA_TYPE}",
        f"content-length: {len(body)}",
        "cache-control: private, no-store",
        "connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode() + body
