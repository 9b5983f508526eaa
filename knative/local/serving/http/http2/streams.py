"""The flow of one request over HTTP/2: what has arrived of its body, and what has not been sent of its response.

The client gets room for more of a body when a pod takes what it has sent, and a pod is paused while the client has no room for the response.
"""

import asyncio
from collections import deque
from typing import Protocol

from hpack import HeaderTuple

from knative.local.serving.http.http2.exchange import Http2Exchange
from knative.local.serving.http.http2.requests import Request

MAX_UNSENT_BYTES = 64 << 10
"""Of a response; above it the pod is paused."""
RESUME_BYTES = 16 << 10


class Owner(Protocol):
    """The connection of a stream."""

    address: str
    scheme: str

    def send(self, stream: "Stream") -> None:
        """Send what the flow control of the client has room for; the rest later."""
        ...

    def cut(self, stream: "Stream") -> None:
        """Tell the client that the response is not complete."""
        ...

    def acknowledge(self, stream: "Stream", count: int) -> None:
        """Give the client room for so many bytes."""
        ...


class Stream:
    """The `Output` of an `Http2Exchange`."""

    def __init__(self, owner: Owner, stream_id: int, request: Request, has_body: bool, now: float) -> None:
        self.owner, self.id = owner, stream_id
        self.address, self.scheme = owner.address, owner.scheme
        self.exchange = Http2Exchange(self, request, has_body)
        self.task: asyncio.Task[None] | None = None
        self.queue: deque[list[HeaderTuple] | memoryview] = deque()
        """What follows of the response: fields or data."""
        self.unsent_bytes = 0
        """Of data in the queue."""
        self.is_ended = False
        """Nothing follows after the queue."""
        self._pieces: list[bytes] = []
        self._unacknowledged_bytes = 0
        self._is_body_paused = True  # until a pod takes it
        self._is_pod_paused = False
        self._read_at = now

    # --- the request

    def receive(self, data: bytes, size: int, now: float) -> None:
        """`size`: of the frame for flow control, with its padding."""
        self._read_at = now
        self._unacknowledged_bytes += size
        if not self.exchange.done.done():
            self.exchange.feed(data)
            if not self._is_body_paused:
                self.acknowledge()

    def acknowledge(self) -> None:
        count, self._unacknowledged_bytes = self._unacknowledged_bytes, 0
        if count:
            self.owner.acknowledge(self, count)

    def is_body_late(self, now: float, seconds: float) -> bool:
        """Whether the client sends no more of a body that a pod awaits."""
        return not (self.exchange.is_complete or self.exchange.status or self._is_body_paused) and now - self._read_at > seconds

    def pause(self, paused: bool) -> None:
        if paused == self._is_body_paused:
            return
        self._is_body_paused = paused
        if not paused:
            self._read_at = asyncio.get_running_loop().time()
            self.acknowledge()

    def abort(self) -> None:
        self.owner.cut(self)

    # --- the response

    def write_head(self, fields: list[HeaderTuple]) -> None:
        self._join()
        self.queue.append(fields)

    def write(self, data: bytes) -> None:
        self._pieces.append(data)

    def end(self) -> None:
        self.is_ended = True

    def flush(self) -> None:
        self._join()
        if self.queue or self.is_ended:
            self.owner.send(self)

    def _join(self) -> None:
        if self._pieces:
            data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
            self._pieces.clear()
            self.unsent_bytes += len(data)
            self.queue.append(memoryview(data))

    def pace_pod(self) -> None:
        """Pause the pod, or let it go on, after data was queued or sent."""
        is_paused = self.unsent_bytes > (RESUME_BYTES if self._is_pod_paused else MAX_UNSENT_BYTES)
        if is_paused != self._is_pod_paused:
            self._is_pod_paused = is_paused
            self.exchange.read_paused(is_paused)
