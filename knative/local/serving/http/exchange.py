"""One request and its response, forwarded piece by piece between a client and a pod.

Each side is paused while the other reads more slowly, so a body is never whole in memory. Subclasses write the response in the client's version
of HTTP: `http1_exchange`, `http2.exchange`.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable
from http import HTTPStatus
from typing import Protocol

from knative.local.serving.http.client import Headers, Upstream, UpstreamError
from knative.local.serving.http.error_responses import Cause, error_response, request_id_of
from knative.local.serving.http.framing import BadRequest

log = logging.getLogger(__name__)

MAX_BUFFERED_BODY_BYTES = 256 << 10
"""Of a request that waits for a pod; above it the client is paused."""


class Connection(Protocol):
    """Where the request came from: the client's connection, or one stream of it."""

    address: str
    scheme: str

    def pause(self, paused: bool) -> None: ...

    def abort(self) -> None: ...


class Exchange(ABC):
    """The `Receiver` of a pod's response, which it writes to the client."""

    def __init__(
        self,
        client: Connection,
        method: str,
        target: str,
        version: str,
        headers: Headers,
        is_upgrade: bool,
        keep_alive: bool,
        fault: BadRequest | None = None,
    ) -> None:
        """`headers`: names in lower case. `is_upgrade`: the client asks for another protocol. `fault`: why the request is refused."""
        self.method, self.target, self.version, self.headers, self.is_upgrade, self.fault = method, target, version, headers, is_upgrade, fault
        self.client = client
        self.status = 0
        """Of the response; 0 until it starts."""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.deadline: asyncio.TimerHandle | None = None
        """Fires unless the response starts before."""
        self.keep_alive = keep_alive and not is_upgrade and fault is None
        """Of HTTP/1.1: whether the connection serves another request."""
        self._names = {name for name, _ in headers}
        self.is_chunked = b"transfer-encoding" in self._names
        """Whether the pod gets the body in chunks."""
        self.has_sized_body = any(name == b"content-length" and value != b"0" for name, value in headers)
        self.hsts = b""
        """Strict-Transport-Security that every response gets unless the pod sends its own; empty: none."""
        self._body: list[bytes] = []
        self._buffered_bytes = 0
        self.is_complete = False
        """The client has sent all of the request."""
        self._upstream: Upstream | None = None

    def header(self, name: bytes) -> str | None:
        if name not in self._names:
            return None
        return next(value.decode("latin-1") for each, value in self.headers if each == name)

    def reset(self) -> None:
        """Prepare for another attempt at another pod."""
        self.done = asyncio.get_running_loop().create_future()

    # --- the request's body, from the client to the pod

    @property
    def is_replayable(self) -> bool:
        """Whether it can be sent to another pod: it has no body that was already forwarded."""
        return not (self.is_chunked or self.has_sized_body)

    @property
    def is_fully_sent(self) -> bool:
        """Whether the connection can be used again after the response.

        False for an upgrade request: the client's next bytes go to the pod unchanged. A pod that stayed with HTTP would
        read them as a request, and the next user of the connection would get its response.
        """
        return self.is_complete and not self.is_upgrade

    def feed(self, data: bytes) -> None:
        if self._upstream is not None:
            self._upstream.write(self._frame(data))
        else:
            self._body.append(data)
            self._buffered_bytes += len(data)
            if self._buffered_bytes > MAX_BUFFERED_BODY_BYTES:
                self.client.pause(True)

    def feed_end(self) -> None:
        self.is_complete = True
        if self._upstream is not None and self.is_chunked and not self.is_upgrade:
            self._upstream.write(b"0\r\n\r\n")

    def send(self, upstream: Upstream, head: bytes) -> None:
        """Send the request to a pod: its head and what has arrived of its body. The rest follows as it arrives."""
        upstream.begin(self, self.method)
        parts = [head, *(self._frame(data) for data in self._body)]
        if self.is_complete and self.is_chunked and not self.is_upgrade:
            parts.append(b"0\r\n\r\n")
        self._body.clear()
        self._buffered_bytes = 0
        self._upstream = upstream
        upstream.write(b"".join(parts))
        self.client.pause(False)

    def _frame(self, data: bytes) -> bytes:
        return b"%x\r\n%s\r\n" % (len(data), data) if self.is_chunked and not self.is_upgrade else data

    # --- the response, from the pod to the client

    @property
    def accepts_upgrade(self) -> bool:
        return self.is_upgrade

    @abstractmethod
    def interim(self, status: int, reason: bytes, headers: Headers) -> None: ...

    @abstractmethod
    def head(self, status: int, reason: bytes, headers: Headers) -> None: ...

    @abstractmethod
    def data(self, data: bytes) -> None: ...

    @abstractmethod
    def end(self) -> None: ...

    @abstractmethod
    def flush(self) -> None: ...

    @abstractmethod
    def upgraded(self, rest: bytes) -> None: ...

    @abstractmethod
    def end_stream(self) -> None:
        """End a response that has no end of its own, as soon as it may (`stream_ends`)."""

    @abstractmethod
    def _write_response(self, status: int, lines: list[str], body: bytes) -> None:
        """Write a whole response. `lines`: all its headers that do not belong to the connection. `body`: empty for HEAD."""

    def _begin_response(self, status: int) -> None:
        self.status = status
        if self.deadline is not None:
            self.deadline.cancel()

    def failed(self, error: UpstreamError) -> None:
        self._upstream = None
        self.flush()
        if not self.done.done():
            self.done.set_exception(error)
            self.done.exception()  # marks it as retrieved: it is not always awaited

    def write_paused(self, paused: bool) -> None:
        self.client.pause(paused)

    def read_paused(self, paused: bool) -> None:
        if self._upstream is not None:
            self._upstream.pause(paused)

    # --- the end

    def respond_error(self, status: int, detail: str, retry_after_seconds: int | None = None, cause: Cause = Cause.FAILURE) -> None:
        """Answer in place of a pod (`error_responses`), unless a response has begun. `detail`: a sentence for the client."""
        if self.status:
            return
        self.status = status
        request_id = request_id_of(self.header(b"x-request-id"))
        response = error_response(status, detail, request_id, self.header(b"accept"), cause)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and cause is Cause.FAILURE:
            log.warning("request %s: %s %s%s: %d, %s", request_id, self.method, self.header(b"host") or "", self.target[:200], status, detail)
        lines = ["vary: accept", "cache-control: no-store", f"x-request-id: {request_id}", *response.headers]
        lines += [f"retry-after: {retry_after_seconds}"] if retry_after_seconds is not None else []
        self._respond(status, response.content_type, response.body, lines)

    def respond(self, status: int, content_type: str, body: bytes, *lines: str) -> None:
        """Answer in place of a pod with a short body. `lines`: further headers."""
        self.status = status
        self._respond(status, content_type, body, lines)

    def _respond(self, status: int, content_type: str, body: bytes, lines: Iterable[str]) -> None:
        head = [f"content-length: {len(body)}", "server: capsule", *lines]
        head += [f"content-type: {content_type}"] if content_type else []
        head += [f"strict-transport-security: {self.hsts.decode()}"] if self.hsts else []
        self._write_response(status, head, b"" if self.method == "HEAD" else body)
        self._finish()

    def detach(self) -> None:
        """Drop the pod's response, if there still is one to come."""
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.abandon()

    def abandon(self) -> None:
        """End it without a complete response: the client disconnected, or the response cannot be completed."""
        self.detach()
        if not self.done.done():
            self.done.set_result(None)

    def _finish(self) -> None:
        self._upstream = None
        self.flush()
        if not self.done.done():
            self.done.set_result(None)
