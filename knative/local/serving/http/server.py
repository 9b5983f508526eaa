"""HTTP/1.1 from a client: its connection, and its requests in order.

What cannot be parsed is answered too, in its turn: the connection closes behind the answer, and good requests before it keep their responses.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import cast

from functions.wire.connections import detect_lost_peer
from functions.wire.http_limits import (
    BODY_SECONDS,
    BODY_TOO_SLOW,
    DRAIN_IDLE_SECONDS,
    HALF_CLOSED_SECONDS,
    HEAD_SECONDS,
    HEAD_TOO_SLOW,
    TOO_MANY_CONNECTIONS,
)
from knative.local.serving.http.clients import Clients
from knative.local.serving.http.exchange import Exchange
from knative.local.serving.http.framing import BadRequest
from knative.local.serving.http.http1_exchange import Http1Exchange
from knative.local.serving.http.request_reader import RequestHead, RequestReader

log = logging.getLogger(__name__)

LINGER_SECONDS = 10.0
"""How long a client that still sends a request may take to read the answer and close."""
TUNNEL_CLOSE_SECONDS = 2.0
"""How long a client may take to close a WebSocket that the server ends."""
KEEP_ALIVE_SECONDS = 75.0
"""How long a connection may wait for its next request."""
Serve = Callable[[Exchange], Awaitable[None]]


class ClientConnection(asyncio.Protocol):
    """A client's connection. It adds itself to `clients` while it is connected. `max_per_address`: 0 is no limit."""

    def __init__(self, serve: Serve, clients: Clients, max_per_address: int = 0) -> None:
        self.address = ""
        self.scheme = "http"
        self._max_per_address = max_per_address
        self._active_at = self._read_at = self._head_since = asyncio.get_running_loop().time()
        """On the loop's clock: when it was made or its last request ended, when the last bytes came, when a head began."""
        self._has_served = self._is_paused = self._has_ended = False
        self._serve, self._clients = serve, clients
        self._transport: asyncio.Transport | None = None
        self._reader = RequestReader(self)
        self._parsing: Http1Exchange | None = None
        self._current: Http1Exchange | None = None
        self._next: deque[Http1Exchange] = deque()
        self._task: asyncio.Task[None] | None = None
        self._tunnel: Http1Exchange | None = None
        self._upgrading: Http1Exchange | None = None
        """The request for another protocol."""
        self._lingering: asyncio.TimerHandle | None = None
        self._is_stopping = False
        """Whether its present request, or its next one, is the last."""
        self.closed = asyncio.Event()

    @property
    def is_connected(self) -> bool:
        return self._transport is not None and not self.closed.is_set()

    def expire(self, now: float) -> None:
        """End what takes too long: a connection without a request, a head, a body that does not go on. `now`: on the loop's clock."""
        if self._reader.is_stopped or self._upgrading is not None:
            return
        if self._current is None:
            if self._reader.unread_bytes and now - self._head_since > HEAD_SECONDS:
                self._refuse(BadRequest.of(HEAD_TOO_SLOW))
            elif not self._reader.unread_bytes and now - self._active_at > (KEEP_ALIVE_SECONDS if self._has_served else HEAD_SECONDS):
                self.close()
        elif self._parsing is not None and not self._is_paused and now - self._read_at > BODY_SECONDS and not self._parsing.status:
            self._refuse(BadRequest.of(BODY_TOO_SLOW))

    @property
    def is_draining(self) -> bool:
        """Whether it ends by itself after `drain`."""
        return self._is_stopping and self.is_connected

    def drain(self) -> None:
        """Close it after its present request, or after the next one if it begins within a moment.

        A response whose head has promised to keep the connection is followed by that moment too: the client may be sending its next request.
        """
        self._is_stopping = True
        if self._current is None:
            self._close_unless_used()
            return
        if not (last := self._next[-1] if self._next else self._current).status:
            last.keep_alive = False
        self._current.end_stream()

    def _close_unless_used(self) -> None:
        asyncio.get_running_loop().call_later(DRAIN_IDLE_SECONDS, lambda: None if self._current else self.close())

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def pause(self, paused: bool) -> None:
        if paused == self._is_paused:
            return
        self._is_paused, self._read_at = paused, asyncio.get_running_loop().time()
        if self._transport is not None and not self._transport.is_closing() and not self._has_ended:
            (self._transport.pause_reading if paused else self._transport.resume_reading)()

    def tunnel(self, exchange: Http1Exchange) -> None:
        self._tunnel = exchange

    def await_close(self) -> None:
        asyncio.get_running_loop().call_later(TUNNEL_CLOSE_SECONDS, self.close)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # --- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        detect_lost_peer(transport)
        self.scheme = "http" if transport.get_extra_info("ssl_object") is None else "https"
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if peer else ""
        if self._clients.add(self) > self._max_per_address > 0:
            self._refuse(BadRequest.of(TOO_MANY_CONNECTIONS))

    def connection_lost(self, error: Exception | None) -> None:
        self._clients.discard(self)
        self.closed.set()
        for exchange in (self._current, *self._next):
            if exchange is not None:
                exchange.abandon()
        if self._task is not None:
            self._task.cancel()
        if self._lingering is not None:
            self._lingering.cancel()

    def eof_received(self) -> bool:
        """Answer what has arrived whole, unless the answer has begun or does not begin soon: then close the connection.

        A client that has closed its half (`nc -N`) looks like one that has disconnected (RFC 9112 section 9.5 leaves both open to a server). TLS has
        no half-closed connections.
        """
        if self._current is None or self._current.status or self._parsing is not None or self._upgrading is not None or self.scheme == "https":
            return False
        self._has_ended = True
        (self._next[-1] if self._next else self._current).keep_alive = False
        asyncio.get_running_loop().call_later(HALF_CLOSED_SECONDS, self._on_no_response)
        return True

    def _on_no_response(self) -> None:
        if self._current is None or not self._current.status:
            self.close()

    def data_received(self, data: bytes) -> None:
        self._read_at = asyncio.get_running_loop().time()
        if self._reader.is_between_requests:
            self._head_since = self._read_at
        if (fault := self._reader.feed(data)) is not None:
            self._refuse(fault)

    def pause_writing(self) -> None:
        if self._current is not None:
            self._current.read_paused(True)

    def resume_writing(self) -> None:
        if self._current is not None:
            self._current.read_paused(False)

    # --- called by the reader

    def on_head(self, head: RequestHead) -> None:
        keep_alive = head.keep_alive and not self._is_stopping
        exchange = Http1Exchange(self, head.method, head.target, head.version, head.headers, head.is_upgrade, keep_alive, head.fault)
        if head.is_upgrade:
            self._upgrading = exchange
        self._parsing = exchange if head.fault is None else None
        self._enqueue(exchange)

    def on_body(self, data: bytes) -> None:
        if self._parsing is not None:
            self._parsing.feed(data)

    def on_end(self) -> None:
        exchange, self._parsing = self._parsing, None
        if exchange is not None:
            exchange.feed_end()

    def on_raw(self, data: bytes) -> None:
        if self._upgrading is not None:
            self._upgrading.raw(data)

    # --- requests in order

    def _enqueue(self, exchange: Http1Exchange) -> None:
        if self._current is None:
            self._begin(exchange)
        else:  # pipelined: nothing more is read until it is answered
            self._next.append(exchange)
            self.pause(True)

    def _begin(self, exchange: Http1Exchange) -> None:
        self._current = exchange
        if self._is_stopping:
            exchange.end_stream()
        self._task = asyncio.ensure_future(self._answer(exchange))

    async def _answer(self, exchange: Http1Exchange) -> None:
        try:
            await self._serve(exchange)
        except Exception:
            log.exception("a request of the ingress failed")
            exchange.keep_alive = False
            exchange.respond_error(500, "The platform failed to forward the request.")
        finally:
            self._has_served, self._active_at = True, asyncio.get_running_loop().time()
            self._current = self._task = None
            if not exchange.keep_alive or self._tunnel is not None:
                self._end(exchange)
            elif self._next:
                self._begin(self._next.popleft())
            else:
                self.pause(False)
                if self._is_stopping:
                    self._close_unless_used()

    def _refuse(self, fault: BadRequest) -> None:
        """Read nothing more, and say why in the request's turn."""
        self._reader.stop()
        exchange, self._parsing = self._parsing, None
        if exchange is None:
            self._enqueue(Http1Exchange(self, "GET", "/", "1.1", [], False, False, fault))
        elif exchange is not self._current:
            exchange.refuse(fault)
        elif exchange.status:
            self.abort()
        else:
            exchange.detach()
            exchange.respond_error(fault.status, fault.detail)

    def _end(self, exchange: Http1Exchange) -> None:
        """Close the connection after the last response.

        If the client may still be sending, the connection is closed in this direction only, and what arrives is discarded: closing it with unread
        data resets it, and the client would lose the response (RFC 9112 section 9.6).
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._tunnel is not None or exchange.is_complete or not transport.can_write_eof():
            self.close()
            return
        self._reader.stop()
        transport.write_eof()
        self.pause(False)
        self._lingering = asyncio.get_running_loop().call_later(LINGER_SECONDS, self.abort)
