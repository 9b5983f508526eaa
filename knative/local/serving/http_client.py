"""HTTP/1.1 to a pod: one connection, and answers passed on piece by piece (`http_upstreams` keeps connections).

Raw protocols over httptools (llhttp) and not an HTTP client library: this is every request's path, through the ingress and from the
dispatchers, and a general client costs several times as much there and ten megabytes of the whole's sixty.
"""

import asyncio
from typing import Protocol, cast

import httptools

Headers = list[tuple[bytes, bytes]]


class Broken(ConnectionError):
    """The pod broke off. `unsent`: on a kept connection and before any word of an answer, so it may never have read the request."""

    def __init__(self, words: str, unsent: bool = False) -> None:
        super().__init__(words)
        self.unsent = unsent


class Receiver(Protocol):
    """Who an answer is for."""

    @property
    def sent_whole(self) -> bool:
        """Whether the pod has been sent all of the request; if not, what is sent next on this connection would be taken for its rest."""
        ...

    def head(self, status: int, reason: bytes, headers: Headers) -> None: ...

    def data(self, data: bytes) -> None: ...

    def end(self) -> None: ...

    def upgraded(self, rest: bytes) -> None: ...

    def broken(self, error: Broken) -> None: ...

    def write_paused(self, paused: bool) -> None: ...


class Pool(Protocol):
    """Where a connection belongs."""

    def keep(self, upstream: "Upstream") -> None: ...

    def forget(self, upstream: "Upstream") -> None: ...


class Upstream(asyncio.Protocol):
    """One connection to a pod, one exchange at a time."""

    def __init__(self, pool: Pool, port: int) -> None:
        self.port = port
        self.used = False
        self.idle_since = 0.0
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._receiver: Receiver | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._reason = b""
        self._headers: Headers = []
        self._method = ""
        self._answered = self._in_body = self._until_close = self._tunnel = self._interim = False

    # --- for whoever has an exchange on it

    def begin(self, receiver: Receiver, method: str) -> None:
        self._receiver, self._method = receiver, method
        self._answered = self._in_body = self._until_close = False

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def pause(self, paused: bool) -> None:
        if self._transport is not None and not self._transport.is_closing():
            (self._transport.pause_reading if paused else self._transport.resume_reading)()

    def abandon(self) -> None:
        """The exchange is over before its end; so is the connection."""
        self._receiver = None
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    # --- from the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._tunnel:
            if self._receiver is not None:
                self._receiver.data(data)
            return
        if self._receiver is None:  # an answer that nobody asked for
            self.abandon()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._tunnel = True
            if self._receiver is not None:
                self._receiver.upgraded(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._break(Broken(f"the pod's answer is not HTTP: {error}"))

    def connection_lost(self, error: Exception | None) -> None:
        self._pool.forget(self)
        if self._receiver is None:
            return
        if self._tunnel or (self._until_close and self._in_body and error is None):
            receiver, self._receiver = self._receiver, None
            receiver.end()
        else:
            self._break(Broken("the pod closed the connection" if error is None else f"the pod broke off: {error}", self.used and not self._answered))

    def pause_writing(self) -> None:
        if self._receiver is not None:
            self._receiver.write_paused(True)

    def resume_writing(self) -> None:
        if self._receiver is not None:
            self._receiver.write_paused(False)

    # --- from the parser

    def on_message_begin(self) -> None:
        self._headers, self._reason = [], b""

    def on_status(self, reason: bytes) -> None:
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self._interim = 100 <= status < 200 and status != 101
        if self._receiver is None:
            return
        if self._interim:
            if status == 100:
                self._receiver.head(100, b"Continue", [])
            return
        self._answered = self._in_body = True
        framed = any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in self._headers)
        self._until_close = not framed and status not in (101, 204, 304) and self._method != "HEAD"
        self._receiver.head(status, self._reason, self._headers)
        if self._method == "HEAD":  # it may name a length that it does not send; the parser waits for it, so it gets no more to parse
            keep = self._parser.should_keep_alive()
            self._parser = httptools.HttpResponseParser(self)
            self._finish(keep)

    def on_body(self, data: bytes) -> None:
        if self._receiver is not None:
            self._receiver.data(data)

    def on_message_complete(self) -> None:
        if self._interim or not self._in_body:
            self._interim = False
            return
        if self._parser.get_status_code() != 101:
            self._finish(self._parser.should_keep_alive() and not self._until_close)

    def _finish(self, keep: bool) -> None:
        self._in_body = False
        receiver, self._receiver = self._receiver, None
        if receiver is None:
            return
        if keep and self.usable and receiver.sent_whole:
            self._pool.keep(self)
        else:
            self.close()
        receiver.end()

    def _break(self, error: Broken) -> None:
        receiver, self._receiver = self._receiver, None
        if self._transport is not None:
            self._transport.abort()
        if receiver is not None:
            receiver.broken(error)
