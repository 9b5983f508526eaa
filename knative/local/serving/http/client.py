"""HTTP/1.1 to a pod: one connection, whose responses are forwarded piece by piece (`upstreams` pools connections)."""

import asyncio
import socket
from contextlib import suppress
from typing import Protocol, cast

import httptools

Headers = list[tuple[bytes, bytes]]
CHUNK_BYTES = 1 << 16


class UpstreamError(ConnectionError):
    """The pod closed the connection or its response is not HTTP.

    `may_be_unread`: it happened on a reused connection before any byte of a response, so the pod may never have read
    the request.
    """

    def __init__(self, message: str, may_be_unread: bool = False) -> None:
        super().__init__(message)
        self.may_be_unread = may_be_unread


class Receiver(Protocol):
    """Receives a response."""

    @property
    def is_fully_sent(self) -> bool:
        """Whether the pod has been sent all of the request.

        If not, the connection cannot be used for another request.
        """
        ...

    def interim(self, status: int, reason: bytes, headers: Headers) -> None:
        """Receive a 1xx response; the final one follows."""
        ...

    def head(self, status: int, reason: bytes, headers: Headers) -> None:
        """`headers`: names in lower case."""
        ...

    def data(self, data: bytes) -> None: ...

    def end(self) -> None: ...

    def flush(self) -> None:
        """All that has arrived so far was passed to the other methods; more follows later."""
        ...

    @property
    def accepts_upgrade(self) -> bool:
        """Whether the request offers another protocol."""
        ...

    def upgraded(self, rest: bytes) -> None: ...

    def failed(self, error: UpstreamError) -> None: ...

    def write_paused(self, paused: bool) -> None: ...


class Pool(Protocol):
    """The pool that a connection belongs to."""

    def release(self, upstream: "Upstream") -> None: ...

    def remove(self, upstream: "Upstream") -> None: ...


class Upstream(asyncio.Protocol):
    """One connection to a pod, one exchange at a time."""

    def __init__(self, pool: Pool, port: int, connection: socket.socket) -> None:
        self.port = port
        self._connection = connection
        self.is_reused = False
        self.idle_since = 0.0
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._receiver: Receiver | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._reason = b""
        self._headers: Headers = []
        self._method = ""
        self._has_response = self._is_in_body = self._ends_at_close = self._is_tunnel = self._is_interim = self._is_in_head = False

    # --- for an exchange

    def begin(self, receiver: Receiver, method: str) -> None:
        self._receiver, self._method = receiver, method
        self._has_response = self._is_in_body = self._ends_at_close = False

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def pause(self, paused: bool) -> None:
        if self._transport is not None and not self._transport.is_closing():
            (self._transport.pause_reading if paused else self._transport.resume_reading)()

    def abandon(self) -> None:
        """Abort the exchange and the connection."""
        self._receiver = None
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    @property
    def is_usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    # --- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._is_tunnel:
            if self._receiver is not None:
                self._receiver.data(data)
                self._receiver.flush()
            return
        if self._receiver is None:  # a response without a request
            self.abandon()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._is_tunnel = True
            if self._receiver is not None:
                self._receiver.upgraded(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._fail(UpstreamError(f"the pod's response is not HTTP: {error}"))
        if self._receiver is not None:
            self._receiver.flush()

    def connection_lost(self, error: Exception | None) -> None:
        self._pool.remove(self)
        if self._receiver is not None and error is not None and not self._is_tunnel:
            self._read_rest()
        if self._receiver is None:
            return
        if self._is_tunnel or (self._ends_at_close and self._is_in_body and error is None):
            receiver, self._receiver = self._receiver, None
            receiver.end()
        else:
            message = "the pod closed the connection" if error is None else f"the connection to the pod failed: {error}"
            self._fail(UpstreamError(message, may_be_unread=self.is_reused and not self._has_response))

    def _read_rest(self) -> None:
        """Read what arrived before the connection failed.

        A pod that answers early and closes makes the next write of the request fail, and the event loop then drops the transport with the response
        unread.
        """
        with suppress(OSError):
            while self._receiver is not None and (data := self._connection.recv(CHUNK_BYTES)):
                self.data_received(data)

    def pause_writing(self) -> None:
        if self._receiver is not None:
            self._receiver.write_paused(True)

    def resume_writing(self) -> None:
        if self._receiver is not None:
            self._receiver.write_paused(False)

    # --- called by the parser

    def on_message_begin(self) -> None:
        self._headers, self._reason, self._is_in_head = [], b"", True

    def on_status(self, reason: bytes) -> None:
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_head:  # a trailer is no header (RFC 9110 section 6.5.1)
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        status = self._parser.get_status_code()
        self._is_interim = 100 <= status < 200 and status != 101
        if self._receiver is None:
            return
        if self._is_interim:
            self._receiver.interim(status, self._reason, self._headers)
            return
        if fault := self._fault(status):
            self._fail(UpstreamError(fault))
            return
        self._has_response = self._is_in_body = True
        names = {name for name, _ in self._headers}
        is_framed = b"content-length" in names or b"transfer-encoding" in names
        self._ends_at_close = not is_framed and status not in (101, 204, 304) and self._method != "HEAD"
        self._receiver.head(status, self._reason, self._headers)
        if self._method == "HEAD":  # it may name the length of a body that does not follow, for which this parser would wait
            keep_alive = self._parser.should_keep_alive()
            self._parser = httptools.HttpResponseParser(self)
            self._finish(keep_alive)

    def _fault(self, status: int) -> str:
        """Return why the response cannot be forwarded, "" if it can."""
        assert self._receiver is not None
        if status == 101 and not (self._receiver.accepts_upgrade and self._parser.should_upgrade()):
            return "the pod changed the protocol without a request to do so"
        for name, value in self._headers:
            if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
                return "the pod's response has a transfer coding other than chunked"
        return ""

    def on_body(self, data: bytes) -> None:
        if self._receiver is not None:
            self._receiver.data(data)

    def on_message_complete(self) -> None:
        if self._is_interim or not self._is_in_body:
            self._is_interim = False
            return
        if self._parser.get_status_code() != 101:
            self._finish(self._parser.should_keep_alive() and not self._ends_at_close)

    def _finish(self, keep_alive: bool) -> None:
        self._is_in_body = False
        receiver, self._receiver = self._receiver, None
        if receiver is None:
            return
        if keep_alive and self.is_usable and receiver.is_fully_sent:
            self._pool.release(self)
        else:
            self.close()
        receiver.end()

    def _fail(self, error: UpstreamError) -> None:
        receiver, self._receiver = self._receiver, None
        if self._transport is not None:
            self._transport.abort()
        if receiver is not None:
            receiver.failed(error)
