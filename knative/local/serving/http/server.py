"""HTTP/1.1 from a client: its connection, and its requests in order."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import cast

import httptools

from knative.local.serving.http.client import Headers
from knative.local.serving.http.exchange import Exchange

MAX_HEAD_BYTES = 64 << 10
Serve = Callable[[Exchange], Awaitable[None]]


class ClientConnection(asyncio.Protocol):
    """A client's connection. It adds itself to `clients` while it is connected."""

    def __init__(self, serve: Serve, clients: set["ClientConnection"]) -> None:
        self.address = ""
        self.active_at = asyncio.get_running_loop().time()
        """When it was made or its last request ended, on the loop's clock."""
        self._serve, self._clients = serve, clients
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: Headers = []
        self._head_bytes = 0
        self._is_in_head = True
        self._parsing: Exchange | None = None
        self._current: Exchange | None = None
        self._next: deque[Exchange] = deque()
        self._task: asyncio.Task[None] | None = None
        self._tunnel: Exchange | None = None
        self.closed = asyncio.Event()

    @property
    def is_connected(self) -> bool:
        return self._transport is not None and not self.closed.is_set()

    @property
    def is_busy(self) -> bool:
        return self._current is not None

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def pause(self, paused: bool) -> None:
        if self._transport is not None and not self._transport.is_closing():
            (self._transport.pause_reading if paused else self._transport.resume_reading)()

    def tunnel(self, exchange: Exchange) -> None:
        self._tunnel = exchange

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # --- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if peer else ""
        self._clients.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._clients.discard(self)
        self.closed.set()
        for exchange in (self._current, *self._next):
            if exchange is not None:
                exchange.abandon()
        if self._task is not None:
            self._task.cancel()

    def eof_received(self) -> bool:
        """Close the connection: a client that closed its half cannot be distinguished from one that disconnected.

        Go's and nginx' servers do the same.
        """
        return False

    def data_received(self, data: bytes) -> None:
        if self._current is not None and self._current.is_upgrade and self._parsing is None:
            self._current.raw(data)
            return
        if self._is_in_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
            if rest and self._current is not None:
                self._current.raw(rest)
        except httptools.HttpParserError:
            self._refuse(400)
        else:
            if self._is_in_head and self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(431)

    def pause_writing(self) -> None:
        if self._current is not None:
            self._current.read_paused(True)

    def resume_writing(self) -> None:
        if self._current is not None:
            self._current.read_paused(False)

    # --- called by the parser

    def on_message_begin(self) -> None:
        self._url, self._headers, self._is_in_head = b"", [], True

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._is_in_head, self._head_bytes = False, 0
        exchange = Exchange(
            self, self._parser.get_method().decode(), self._url.decode("latin-1"), self._parser.get_http_version(), self._headers,
            self._parser.should_upgrade(), self._parser.should_keep_alive(),
        )  # fmt: skip
        self._parsing = exchange
        if self._current is None:
            self._begin(exchange)
        else:  # pipelined: nothing more is read until it is answered
            self._next.append(exchange)
            self.pause(True)

    def on_body(self, data: bytes) -> None:
        if self._parsing is not None:
            self._parsing.feed(data)

    def on_message_complete(self) -> None:
        exchange, self._parsing = self._parsing, None
        self._is_in_head = True
        if exchange is not None:
            exchange.feed_end()

    # --- requests in order

    def _begin(self, exchange: Exchange) -> None:
        self._current = exchange
        self._task = asyncio.ensure_future(self._answer(exchange))

    async def _answer(self, exchange: Exchange) -> None:
        try:
            await self._serve(exchange)
        finally:
            self.active_at = asyncio.get_running_loop().time()
            self._current = self._task = None
            if not exchange.keep_alive or self._tunnel is not None:
                self.close()
            elif self._next:
                self._begin(self._next.popleft())
            else:
                self.pause(False)

    def _refuse(self, status: int) -> None:
        phrase = HTTPStatus(status).phrase
        if self._current is None:
            self.write(f"HTTP/1.1 {status} {phrase}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
            self.close()
        else:
            self.abort()
