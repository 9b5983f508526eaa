"""uvicorn's HTTP/1.1 protocol with limits on what a client may send before its request is complete.

uvicorn's own parser collects a head of any size, and waits for the end of head and body without a limit. What is refused here
is answered with a problem document (RFC 9457), and the connection closes. At any time one of three timers runs for an open
connection, or its request is complete and is being answered:

    of the head       from the connection's start, or a request's first byte
    of the body       while it is incomplete; after an early response, the rest is read and dropped for a short time
    of the next one   uvicorn's keep-alive
"""

import asyncio
from collections import Counter
from typing import cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from functions.runtime.serving.lingering import LingeringTransport
from functions.runtime.serving.refusals import refusal_response
from functions.wire.connections import detect_lost_peer
from functions.wire.http_framing import framing_fault, host_fault, parse_fault
from functions.wire.http_limits import (
    BODY_RATE_TOO_LOW,
    BODY_SECONDS,
    BODY_TOO_SLOW,
    HALF_CLOSED_SECONDS,
    HEAD_SECONDS,
    HEAD_TOO_SLOW,
    MAX_CONNECTIONS_PER_ADDRESS,
    MIN_BODY_BYTES_PER_SECOND,
    TOO_MANY_CONNECTIONS,
    RequestFault,
    head_fault,
    incomplete_head_fault,
)
from functions.wire.http_parsing import has_body, parser_of_body

DRAIN_SECONDS = 5.0
MAX_DRAINED_BYTES = 256 << 10
"""Of a request that was answered before its end; a client that sends more loses the connection instead."""
UNREAD_SECONDS = 60.0
"""How long a client may read nothing of a response."""
MALFORMED = RequestFault(400, "The request is not HTTP/1.1", "The request is not HTTP/1.1 (RFC 9112).")

_connections: Counter[str] = Counter()
"""Of each client address."""


def _release(address: str) -> None:
    _connections[address] -= 1
    if not _connections[address]:
        del _connections[address]


class _HeadRefused(Exception):
    """Raised inside a callback of the parser, which reports it as a parser error."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """Bounds head and body in bytes, fields and seconds, and the connections of one address. Sends head and body of a response in one write."""

    transport: LingeringTransport  # type: ignore[assignment]
    _unread_bytes = 0
    """Since the parser last had a whole head or a part of a body: of a head, of the extension of a chunk, or of trailers."""
    _is_in_head = True
    _ignores_offer = False
    """The parser takes the message that it reads to end with its head, because it offers another protocol."""
    _is_replaying = False
    _has_upgraded = False
    _fault: RequestFault | None = None
    _head_timer: asyncio.TimerHandle | None = None
    _body_timer: asyncio.TimerHandle | None = None
    _body_since = _body_read_at = 0.0
    """On the loop's clock: when the body began (or the server went on reading it), when its last bytes came."""
    _body_bytes = 0
    """Received since `_body_since`; of a request that is answered, since its response."""
    _address = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, LingeringTransport(transport, lambda: not self._is_in_head or self._fault is not None)))
        detect_lost_peer(transport, UNREAD_SECONDS)
        self._address = self.client[0] if self.client else ""
        _connections[self._address] += 1
        if self._address and _connections[self._address] > MAX_CONNECTIONS_PER_ADDRESS:
            self._refuse(TOO_MANY_CONNECTIONS)
            return
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._stop_body_timer()
        self._is_in_head = True
        _release(self._address)
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def handle_websocket_upgrade(self) -> None:
        """The connection has another protocol from now on, which does not count it."""
        self._has_upgraded = True
        self._stop_head_timer()
        self._stop_body_timer()
        _release(self._address)
        super().handle_websocket_upgrade()

    def eof_received(self) -> bool:  # type: ignore[override]
        """As the ingress of one machine does: answer what has arrived whole, if the answer has not begun and begins soon; else close."""
        self.transport.flush()  # the event loop closes its own transport, which does not know what waits here
        is_over_tls = self.transport.get_extra_info("ssl_object") is not None
        if not self._is_answering or self.cycle.response_started or not self._is_in_head or self._has_upgraded or is_over_tls:
            return False
        self.cycle.keep_alive = False
        self.loop.call_later(HALF_CLOSED_SECONDS, self._on_no_response)
        return True

    def _on_no_response(self) -> None:
        if self._is_answering and not self.cycle.response_started:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self._fault is not None or self.transport.is_lingering:
            return
        self._unread_bytes += len(data)
        self._body_bytes += len(data)
        self._body_read_at = self.loop.time()
        self._unset_keepalive_if_required()
        self._parse(data)
        if self._fault is not None or self._has_upgraded:
            return
        if self._is_in_head and self._unread_bytes and self._head_timer is None:  # most heads arrive whole and need no timer
            self._start_head_timer()
        if (fault := incomplete_head_fault(self._target, self._unread_bytes)) is not None:
            self._refuse(fault)
        elif not self._is_in_head:
            self._follow_body()
        elif not self._is_answering and self._head_timer is None and self.timeout_keep_alive_task is None:
            self._await_next_request()

    def _parse(self, data: bytes) -> None:
        """As uvicorn does, but an offer of another protocol than WebSocket is ignored, and what anybody can cause is not logged."""
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                if self._should_upgrade():
                    self.handle_websocket_upgrade()
                    return
                data = data[upgrade.args[0] :]
            except httptools.HttpParserInvalidMethodError:
                self._refuse(parse_fault(data) or MALFORMED)
                return
            except httptools.HttpParserError:
                self._refuse(self._fault or MALFORMED)
                return
            if self._ignores_offer:
                self._ignores_offer, self._is_replaying = False, True
                self.parser = parser_of_body(self, self.headers)
                self._is_replaying = False

    # --- called by the parser

    def on_message_begin(self) -> None:
        if not self._is_replaying:
            self._is_in_head = True
            super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._is_replaying:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_head:  # a trailer is no header (RFC 9110 section 6.5.1)
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._is_replaying:
            return
        self._unread_bytes = 0
        self._stop_head_timer()
        version = self.parser.get_http_version()
        fault = head_fault(self.url, self.headers) or framing_fault(version, self.headers) or host_fault(version, self.headers)
        if fault is not None:
            self._fault = fault
            raise _HeadRefused
        super().on_headers_complete()
        self._is_in_head = False
        self._body_since, self._body_bytes = self.loop.time(), 0
        self._ignores_offer = self.parser.should_upgrade() and has_body(self.headers) and not self._should_upgrade()

    def on_body(self, body: bytes) -> None:
        self._unread_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._ignores_offer:
            return
        self._is_in_head, self._unread_bytes = True, 0
        self._stop_body_timer()
        super().on_message_complete()

    # --- called by the cycle of a request

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_draining and not self.transport.is_closing():
            self._unset_keepalive_if_required()
            self._body_bytes = 0
            self._start_body_timer(DRAIN_SECONDS)

    @property
    def _target(self) -> bytes:
        """Of the head that is being read; empty before the first one."""
        return self.url if self.scope is not None and self._is_in_head else b""

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _is_draining(self) -> bool:
        """Whether the request that is being read is answered already."""
        return not self._is_in_head and self.cycle is not None and self.cycle.response_complete

    # --- time

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

    def _await_next_request(self) -> None:
        """Start uvicorn's timer again, which any byte stops."""
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _start_body_timer(self, seconds: float) -> None:
        self._stop_body_timer()
        self._body_timer = self.loop.call_later(seconds, self._on_body_timer)

    def _stop_body_timer(self) -> None:
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None

    def _follow_body(self) -> None:
        if self._is_draining and self._body_bytes > MAX_DRAINED_BYTES:
            self.transport.close()
        elif self._body_timer is None:
            self._start_body_timer(BODY_SECONDS)

    def _on_body_timer(self) -> None:
        self._body_timer = None
        if self._is_draining:
            self.transport.close()
            return
        now = self.loop.time()
        if self.flow.read_paused:  # the server is not ready to read
            self._body_since, self._body_read_at, self._body_bytes = now, now, 0
        is_idle_at = self._body_read_at + BODY_SECONDS
        is_slow_at = self._body_since + BODY_SECONDS + self._body_bytes / MIN_BODY_BYTES_PER_SECOND
        if now < min(is_idle_at, is_slow_at):
            self._start_body_timer(min(is_idle_at, is_slow_at) - now)
        else:
            self._refuse(BODY_TOO_SLOW if now >= is_idle_at else BODY_RATE_TOO_LOW)

    # --- refusals

    def _refuse(self, fault: RequestFault) -> None:
        """Read nothing more, and close. A request that is being answered gets its response instead of the fault of what follows it."""
        self._fault = fault
        self._stop_head_timer()
        self._stop_body_timer()
        if self._is_answering and self._is_in_head:
            self.cycle.keep_alive = False
        elif self._is_draining or self.transport.is_closing():
            self.transport.close()
        elif self._is_answering and (self.cycle.response_started or self.pipeline):
            self.transport.abort()
        else:
            if self._is_answering:
                self.cycle.disconnected = True  # the application learns that the body has ended, and its response goes nowhere
                self.cycle.message_event.set()
            self.transport.write(refusal_response(fault))
            self.transport.linger()
