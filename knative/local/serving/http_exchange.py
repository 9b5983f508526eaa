"""One request and its answer, passed on piece by piece between a client and a pod.

What is sent is held back as soon as the other side reads slower, in both directions, so no body is ever whole in memory.
"""

import asyncio
import json
from http import HTTPStatus
from typing import Protocol

from knative.local.serving.http_client import Broken, Headers, Upstream

HIGH = 256 << 10
"""Bytes of a request's body that wait for a pod before the client is told to wait."""
HOP = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"proxy-authorization"))


class Connection(Protocol):
    """The client's end of it."""

    address: str

    def write(self, data: bytes) -> None: ...

    def pause(self, paused: bool) -> None: ...

    def tunnel(self, exchange: "Exchange") -> None: ...

    def abort(self) -> None: ...


class Exchange:
    """It is the `Receiver` of the pod's answer, and writes it to the client."""

    def __init__(self, client: Connection, method: str, target: str, version: str, headers: Headers, upgrade: bool, keep: bool) -> None:
        self.method, self.target, self.version, self.headers, self.upgrade = method, target, version, headers, upgrade
        self.client = client
        self.status = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.headed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.keep = keep and not upgrade
        self.chunked = any(name == b"transfer-encoding" for name, _ in headers)
        self.sized = any(name == b"content-length" and value != b"0" for name, value in headers)
        self._answer_chunked = False
        self._body: list[bytes] = []
        self._waiting = 0
        self._ended = False
        self._upstream: Upstream | None = None

    def header(self, wanted: bytes) -> str | None:
        return next((value.decode("latin-1") for name, value in self.headers if name == wanted), None)

    # --- the request's body, from the client to the pod

    @property
    def replayable(self) -> bool:
        """Nothing of it was given away that could not be given again."""
        return not (self.chunked or self.sized)

    @property
    def sent_whole(self) -> bool:
        """False for a request to change the protocol: what its client sends next goes to the pod as it is, and a pod that stayed with HTTP would take
        it for a request. Its answer must not reach whoever has the connection next."""
        return self._ended and not self.upgrade

    def feed(self, data: bytes) -> None:
        if self._upstream is not None:
            self._upstream.write(self._framed(data))
        else:
            self._body.append(data)
            self._waiting += len(data)
            if self._waiting > HIGH:
                self.client.pause(True)

    def feed_end(self) -> None:
        self._ended = True
        if self._upstream is not None and self.chunked and not self.upgrade:
            self._upstream.write(b"0\r\n\r\n")

    def send(self, upstream: Upstream, head: bytes) -> None:
        upstream.begin(self, self.method)
        parts = [head, *(self._framed(data) for data in self._body)]
        if self._ended and self.chunked and not self.upgrade:
            parts.append(b"0\r\n\r\n")
        self._body.clear()
        self._waiting = 0
        self._upstream = upstream
        upstream.write(b"".join(parts))
        self.client.pause(False)

    def _framed(self, data: bytes) -> bytes:
        return b"%x\r\n%s\r\n" % (len(data), data) if self.chunked and not self.upgrade else data

    # --- the answer, from the pod to the client

    def head(self, status: int, reason: bytes, headers: Headers) -> None:
        if status == 100:
            self.client.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        self.status = status
        lines = [b"HTTP/1.1 %d %s" % (status, reason)]
        bodiless = status in (101, 204, 304) or self.method == "HEAD"
        sized = any(name.lower() == b"content-length" for name, _ in headers)
        chunked = any(name.lower() == b"transfer-encoding" for name, _ in headers)
        lines += [b"%s: %s" % (name, value) for name, value in headers if name.lower() not in HOP or (status == 101 and name.lower() == b"upgrade")]
        if status == 101:
            lines.append(b"connection: upgrade")
        elif not sized and (not bodiless or (self.method == "HEAD" and chunked)):
            self._answer_chunked = not bodiless and self.version != "1.0"
            if self.version == "1.0":
                self.keep = False
            else:
                lines.append(b"transfer-encoding: chunked")
        if not self._ended:  # it answers before it has read it all: what follows is no next request
            self.keep = False
        if status != 101:
            if not self.keep:
                lines.append(b"connection: close")
            elif self.version == "1.0":
                lines.append(b"connection: keep-alive")
        self.client.write(b"\r\n".join((*lines, b"", b"")))
        if not self.headed.done():
            self.headed.set_result(None)

    def data(self, data: bytes) -> None:
        self.client.write(b"%x\r\n%s\r\n" % (len(data), data) if self._answer_chunked else data)

    def end(self) -> None:
        if self._answer_chunked:
            self.client.write(b"0\r\n\r\n")
        self._finish()

    def upgraded(self, rest: bytes) -> None:
        self.client.tunnel(self)
        if rest:
            self.client.write(rest)

    def broken(self, error: Broken) -> None:
        self._upstream = None
        for future in (self.headed, self.done):
            if not future.done():
                future.set_exception(error)
                future.exception()  # whoever awaits it gets it; who does not need not

    def write_paused(self, paused: bool) -> None:
        self.client.pause(paused)

    def read_paused(self, paused: bool) -> None:
        if self._upstream is not None:
            self._upstream.pause(paused)

    def raw(self, data: bytes) -> None:
        """In a tunnel."""
        self.feed(data)

    # --- its end

    def problem(self, status: int, detail: str, retry_after: int | None = None) -> None:
        """RFC 9457, when there is no pod that answers."""
        self.status = status
        title = HTTPStatus(status).phrase
        body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail}).encode() + b"\n"
        self.keep = self.keep and self._ended
        lines = [f"HTTP/1.1 {status} {title}", "content-type: application/problem+json", f"content-length: {len(body)}", "server: capsule"]
        lines += [f"retry-after: {retry_after}"] if retry_after is not None else []
        lines += ["connection: close"] if not self.keep else []
        self.client.write("\r\n".join((*lines, "", "")).encode() + (b"" if self.method == "HEAD" else body))
        self._finish()

    def detach(self) -> None:
        """No answer of the pod's is waited for any more."""
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.abandon()

    def abandon(self) -> None:
        """The client went, or the answer cannot be ended as it was begun."""
        self.detach()
        if not self.done.done():
            self.done.set_result(None)

    def _finish(self) -> None:
        self._upstream = None
        if not self.done.done():
            self.done.set_result(None)
