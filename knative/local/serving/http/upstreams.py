"""A pool of connections to pods, and buffered requests over them."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from knative.local.serving.http.client import Headers, Upstream, UpstreamError

MAX_IDLE_SECONDS = 1.5
"""Below the keep-alive of common servers (gunicorn 2, uvicorn and node 5), so that none closes a connection while a
request is written."""
MAX_IDLE_PER_PORT = 128
MAX_BUFFERED_RESPONSE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Upstreams:
    """Idle connections by port."""

    def __init__(self, connect: Callable[[int], Awaitable[socket.socket]]) -> None:
        self._connect = connect
        self._idle: dict[int, list[Upstream]] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    async def acquire(self, port: int, is_new: bool = False) -> Upstream:
        """Return an idle connection to a pod, or a new one.

        `is_new`: always a new one. Raises OSError when nothing listens on the port.
        """
        idle = self._idle.get(port)
        while idle and not is_new:
            upstream = idle.pop()
            if upstream.is_usable:
                upstream.is_reused = True
                return upstream
        connection = await self._connect(port)
        _, created = await asyncio.get_running_loop().create_connection(lambda: Upstream(self, port, connection), sock=connection)
        return created

    def release(self, upstream: Upstream) -> None:
        idle = self._idle.setdefault(upstream.port, [])
        if len(idle) >= MAX_IDLE_PER_PORT:
            upstream.close()
            return
        loop = asyncio.get_running_loop()
        upstream.idle_since = loop.time()
        idle.append(upstream)
        if self._sweeping is None:
            self._sweeping = loop.call_later(MAX_IDLE_SECONDS / 2, self._sweep)

    def remove(self, upstream: Upstream) -> None:
        idle = self._idle.get(upstream.port)
        if idle and upstream in idle:
            idle.remove(upstream)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        before = loop.time() - MAX_IDLE_SECONDS / 2
        for port, idle in list(self._idle.items()):
            for upstream in [each for each in idle if each.idle_since < before]:
                idle.remove(upstream)
                upstream.close()
            if not idle:
                del self._idle[port]
        self._sweeping = loop.call_later(MAX_IDLE_SECONDS / 2, self._sweep) if self._idle else None

    async def request(self, port: int, method: str, head: bytes, body: bytes, is_new: bool = False) -> Response:
        """Send a request and return the whole response.

        Raises OSError when nothing listens on the port, UpstreamError.
        """
        upstream = await self.acquire(port, is_new)
        receiver = BufferingReceiver()
        upstream.begin(receiver, method)
        upstream.write(head + body)
        try:
            return await receiver.response
        except BaseException:
            upstream.abandon()
            raise

    def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
        for idle in self._idle.values():
            for upstream in list(idle):
                upstream.close()
        self._idle.clear()


class BufferingReceiver:
    """Collects a response in memory, at most MAX_BUFFERED_RESPONSE_BYTES."""

    is_fully_sent = True
    accepts_upgrade = False

    def __init__(self) -> None:
        self.response: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0

    def interim(self, status: int, reason: bytes, headers: Headers) -> None:
        """Nothing to do: only the final response counts."""

    def head(self, status: int, reason: bytes, headers: Headers) -> None:
        self._status = status
        self._headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}

    def data(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= MAX_BUFFERED_RESPONSE_BYTES:
            self._body.append(data)
        elif not self.response.done():
            self.response.set_exception(UpstreamError(f"the response is larger than {MAX_BUFFERED_RESPONSE_BYTES} bytes"))

    def flush(self) -> None:
        """Nothing to do: the response is passed on when it is complete."""

    def end(self) -> None:
        if not self.response.done():
            self.response.set_result(Response(self._status, self._headers, b"".join(self._body)))

    def upgraded(self, rest: bytes) -> None:
        self.failed(UpstreamError("the pod changed the protocol without a request to do so"))

    def failed(self, error: UpstreamError) -> None:
        if not self.response.done():
            self.response.set_exception(error)

    def write_paused(self, paused: bool) -> None:
        """Nothing to pause: the request is written at once, and the transport buffers what the pod has not read."""
