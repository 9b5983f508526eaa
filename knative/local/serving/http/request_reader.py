"""Requests out of the bytes of a connection with HTTP/1.1: heads, bodies, and what follows a change to another protocol."""

from dataclasses import dataclass
from typing import Protocol

import httptools

from functions.wire.http_limits import incomplete_head_fault
from functions.wire.http_parsing import parser_of_body
from knative.local.serving.http.client import Headers
from knative.local.serving.http.framing import BadRequest, is_websocket_request, parser_fault, request_fault


@dataclass(frozen=True, slots=True)
class RequestHead:
    """`is_upgrade`: all that follows is not HTTP. `fault`: why it is refused; nothing that follows is read then."""

    method: str
    target: str
    version: str
    headers: Headers
    is_upgrade: bool
    keep_alive: bool
    fault: BadRequest | None = None


class RequestReceiver(Protocol):
    def on_head(self, head: RequestHead) -> None: ...

    def on_body(self, data: bytes) -> None: ...

    def on_end(self) -> None:
        """The request has arrived whole."""
        ...

    def on_raw(self, data: bytes) -> None:
        """Bytes of the other protocol arrived."""
        ...


class RequestReader:
    def __init__(self, receiver: RequestReceiver) -> None:
        self._receiver = receiver
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: Headers = []
        self.unread_bytes = 0
        """Since the parser last had a whole head or a part of a body: of a head, of the extension of a chunk, or of trailers."""
        self._is_in_head = True
        self._ignores_offer = False
        """The parser takes the message that it reads to end with its head, because it offers another protocol."""
        self._is_replaying = False
        self._has_switched = False
        """All that follows is not HTTP."""
        self.is_stopped = False
        """Nothing that still arrives is read."""

    @property
    def is_between_requests(self) -> bool:
        """Whether the last request has arrived whole, and nothing of the next one."""
        return self._is_in_head and not self.unread_bytes

    def stop(self) -> None:
        self.is_stopped = True

    def feed(self, data: bytes) -> BadRequest | None:
        """Hand what arrived to the receiver. Returns why it cannot be read, and stops then."""
        if self.is_stopped:
            return None
        if self._has_switched:
            self._receiver.on_raw(data)
            return None
        self.unread_bytes += len(data)
        fault = self._parse(data)
        if self.is_stopped:
            return None
        if fault is None and not self._has_switched:
            limit = incomplete_head_fault(self._url if self._is_in_head else b"", self.unread_bytes)
            fault = None if limit is None else BadRequest.of(limit)
        self.is_stopped = fault is not None
        return fault

    def _parse(self, data: bytes) -> BadRequest | None:
        while True:
            try:
                self._parser.feed_data(data)
                return None
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
            except httptools.HttpParserError as error:
                return parser_fault(error, self._url, data)
            if self.is_stopped:
                return None
            if self._has_switched:
                if data:
                    self._receiver.on_raw(data)
                return None
            self._resume_after_offer()

    def _resume_after_offer(self) -> None:
        """Go on with the body of a request after its offer was ignored."""
        self._ignores_offer, self._is_replaying = False, True
        self._parser = parser_of_body(self, self._headers)
        self._is_replaying = False

    # --- called by the parser

    def on_message_begin(self) -> None:
        if not self._is_replaying:
            self._url, self._headers, self._is_in_head = b"", [], True

    def on_url(self, url: bytes) -> None:
        if not self._is_replaying:
            self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_head:  # a trailer is no header (RFC 9110 section 6.5.1)
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self._is_replaying or self.is_stopped:
            return
        self._is_in_head, self.unread_bytes = False, 0
        method, version, offers = self._parser.get_method().decode(), self._parser.get_http_version(), self._parser.should_upgrade()
        is_upgrade = offers and (method == "CONNECT" or is_websocket_request(method, version, self._headers))
        self._ignores_offer = offers and not is_upgrade
        self._has_switched = is_upgrade
        fault = request_fault(self._url, self._headers, version)
        self.is_stopped = fault is not None
        keep_alive = self._parser.should_keep_alive()
        self._receiver.on_head(RequestHead(method, self._url.decode("latin-1"), version, self._headers, is_upgrade, keep_alive, fault))

    def on_body(self, data: bytes) -> None:
        self.unread_bytes = 0
        if not self.is_stopped:
            self._receiver.on_body(data)

    def on_message_complete(self) -> None:
        if self._ignores_offer:
            return
        self._is_in_head, self.unread_bytes = True, 0
        if not self.is_stopped:
            self._receiver.on_end()
