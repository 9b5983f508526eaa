"""A request over HTTP/1.1 or HTTP/1.0. Its response is written to the client's connection."""

from http import HTTPStatus
from typing import Protocol

from knative.local.serving.http.client import Headers
from knative.local.serving.http.exchange import Connection, Exchange
from knative.local.serving.http.forwarding import interim_head, response_lines
from knative.local.serving.http.framing import BadRequest
from knative.local.serving.http.stream_ends import LAST_CHUNK, StreamEnd, stream_end_of


class Http1Client(Connection, Protocol):
    """The client's connection."""

    def write(self, data: bytes) -> None: ...

    def tunnel(self, exchange: "Http1Exchange") -> None: ...

    def await_close(self) -> None:
        """Close the connection if the client does not do so soon."""
        ...


class Http1Exchange(Exchange):
    def __init__(
        self,
        client: Http1Client,
        method: str,
        target: str,
        version: str,
        headers: Headers,
        is_upgrade: bool,
        keep_alive: bool,
        fault: BadRequest | None = None,
    ) -> None:
        super().__init__(client, method, target, version, headers, is_upgrade, keep_alive, fault)
        self._connection = client
        self._is_response_chunked = False
        self._output: list[bytes] = []
        """What the client is sent at the end of the pod's present data, in one system call."""
        self._stream_end: StreamEnd | None = None
        self._is_ending = self._has_said_end = False

    def refuse(self, fault: BadRequest) -> None:
        """Refuse a request that has not begun."""
        self.fault, self.keep_alive = fault, False

    def raw(self, data: bytes) -> None:
        """Forward bytes of a tunnel."""
        self.feed(data)

    def interim(self, status: int, reason: bytes, headers: Headers) -> None:
        if self.version != "1.0":  # RFC 9110 section 15.2: HTTP/1.0 has no 1xx
            self._output.append(interim_head(status, reason, headers))

    def head(self, status: int, reason: bytes, headers: Headers) -> None:
        self._begin_response(status)
        lines = response_lines(status, reason, headers)
        has_no_body = status in (101, 204, 304) or self.method == "HEAD"
        names = {name for name, _ in headers}
        if self.hsts and b"strict-transport-security" not in names:
            lines.append(b"strict-transport-security: " + self.hsts)
        is_sized, is_chunked = b"content-length" in names, b"transfer-encoding" in names
        if status in (101, 426):  # the protocols that the pod changes to, or asks for
            lines += [b"upgrade: " + value for name, value in headers if name == b"upgrade"]
        if status == 101:
            lines.append(b"connection: upgrade")
        elif not is_sized and (not has_no_body or (self.method == "HEAD" and is_chunked)):
            self._is_response_chunked = not has_no_body and self.version != "1.0"
            if self.version == "1.0":
                self.keep_alive = False
            else:
                lines.append(b"transfer-encoding: chunked")
        if not self.is_complete:  # the pod answers early: the rest of the request would be read as the next one
            self.keep_alive = False
        if status != 101:
            if not self.keep_alive:
                lines.append(b"connection: close, upgrade" if status == 426 else b"connection: close")
            elif status == 426:
                lines.append(b"connection: upgrade")
            elif self.version == "1.0":
                lines.append(b"connection: keep-alive")
        self._output.append(b"\r\n".join((*lines, b"", b"")))
        if status == 101 or self._is_response_chunked:
            content_type = next((value for name, value in headers if name == b"content-type"), b"")
            self._stream_end = stream_end_of(status, content_type, self._is_response_chunked)
        if self._is_ending and status != HTTPStatus.SWITCHING_PROTOCOLS:
            self.end_stream()

    def data(self, data: bytes) -> None:
        if self._has_said_end:
            return
        self._output.append(b"%x\r\n%s\r\n" % (len(data), data) if self._is_response_chunked else data)
        if self._stream_end is not None:
            self._stream_end.feed(data)
            if self._is_ending:
                self.end_stream()

    def end(self) -> None:
        if self._is_response_chunked:
            self._output.append(LAST_CHUNK)
        self._finish()

    def flush(self) -> None:
        if self._output:
            output, self._output = self._output, []
            self._connection.write(output[0] if len(output) == 1 else b"".join(output))

    def upgraded(self, rest: bytes) -> None:
        self._connection.tunnel(self)
        if rest:
            self.data(rest)
        if self._is_ending:
            self.end_stream()

    def end_stream(self) -> None:
        """End a response that has no end of its own, as soon as it may: an event stream, a WebSocket. The client then closes the WebSocket."""
        self._is_ending = True
        if self._stream_end is None or not self._stream_end.is_between or self._has_said_end:
            return
        self._has_said_end = True
        self._output.append(self._stream_end.last_bytes)
        self.flush()
        if self.status == HTTPStatus.SWITCHING_PROTOCOLS:
            self._connection.await_close()
        else:
            self.abandon()

    def _write_response(self, status: int, lines: list[str], body: bytes) -> None:
        self.keep_alive = self.keep_alive and self.is_complete
        if not self.keep_alive:
            lines.append("connection: close")
        elif self.version == "1.0":
            lines.append("connection: keep-alive")
        self._connection.write("\r\n".join((f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *lines, "", "")).encode() + body)
