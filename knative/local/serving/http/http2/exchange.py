"""A request over HTTP/2. Its response is written to its stream."""

from typing import Protocol

from hpack import HeaderTuple, NeverIndexedHeaderTuple

from knative.local.serving.http.client import Headers
from knative.local.serving.http.exchange import Connection, Exchange
from knative.local.serving.http.forwarding import FRAMING, end_to_end
from knative.local.serving.http.http2.requests import VERSION, Request
from knative.local.serving.http.stream_ends import StreamEnd, stream_end_of

SINGULAR = frozenset((b"set-cookie", b"x-request-id", b"etag", b"location", b"content-length"))
"""Headers with another value in each response. In the table of a connection they would take the place of those that repeat, and a secret does not
belong there (RFC 7541 section 7.1.3)."""


class Output(Connection, Protocol):
    """The stream of the request."""

    def write_head(self, fields: list[HeaderTuple]) -> None: ...

    def write(self, data: bytes) -> None: ...

    def end(self) -> None:
        """Nothing more follows."""
        ...

    def flush(self) -> None: ...


class Http2Exchange(Exchange):
    def __init__(self, stream: Output, request: Request, has_body: bool) -> None:
        super().__init__(stream, request.method, request.target, VERSION, request.headers, False, True, request.fault)
        self.is_chunked = has_body and b"content-length" not in self._names
        self._stream = stream
        self._stream_end: StreamEnd | None = None
        self._is_ending = self._has_ended = False

    def interim(self, status: int, reason: bytes, headers: Headers) -> None:
        self._stream.write_head(_fields(status, [(name.lower(), value) for name, value in headers]))

    def head(self, status: int, reason: bytes, headers: Headers) -> None:
        self._begin_response(status)
        names = {name for name, _ in headers}
        fields = _fields(status, headers)
        if self.hsts and b"strict-transport-security" not in names:
            fields.append(HeaderTuple(b"strict-transport-security", self.hsts))
        self._stream.write_head(fields)
        if b"content-length" not in names:
            content_type = next((value for name, value in headers if name == b"content-type"), b"")
            self._stream_end = stream_end_of(status, content_type, is_chunked=True)
        if self._is_ending:
            self.end_stream()

    def data(self, data: bytes) -> None:
        if self._has_ended:
            return
        self._stream.write(data)
        if self._stream_end is not None:
            self._stream_end.feed(data)
            if self._is_ending:
                self.end_stream()

    def end(self) -> None:
        self._stream.end()
        self._finish()

    def flush(self) -> None:
        self._stream.flush()

    def upgraded(self, rest: bytes) -> None:
        """Never called: no request over HTTP/2 accepts another protocol."""

    def end_stream(self) -> None:
        self._is_ending = True
        if self._stream_end is None or not self._stream_end.is_between or self._has_ended:
            return
        self._has_ended = True
        self._stream.end()
        self.flush()
        self.abandon()

    def _write_response(self, status: int, lines: list[str], body: bytes) -> None:
        self._stream.write_head(_fields(status, [(name.encode(), value.encode()) for name, _, value in (line.partition(": ") for line in lines)]))
        if body:
            self._stream.write(body)
        self._stream.end()


def _fields(status: int, headers: Headers) -> list[HeaderTuple]:
    fields = [HeaderTuple(b":status", b"%d" % status)]
    for name, value in end_to_end(headers, FRAMING if status < 200 or status == 204 else frozenset()):
        fields.append((NeverIndexedHeaderTuple if name in SINGULAR else HeaderTuple)(name, value.strip(b" \t")))
    return fields
