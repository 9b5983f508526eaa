"""The connections to pods that are kept for the next request, and a whole request for a whole answer over one of them."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from knative.local.serving.http_client import Broken, Headers, Upstream

KEPT_IDLE = 1.5
"""Seconds; below the keep-alive of the servers that people use (gunicorn 2, uvicorn and node 5), so that none closes as we write."""
KEPT_PER_PORT = 128
LARGEST_ANSWER = 64 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Upstreams:
    """The kept connections, by port."""

    def __init__(self, connect: Callable[[int], Awaitable[socket.socket]]) -> None:
        self._connect = connect
        self._idle: dict[int, list[Upstream]] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    async def take(self, port: int, fresh: bool = False) -> Upstream:
        """Raises OSError when nothing listens there."""
        idle = self._idle.get(port)
        while idle and not fresh:
            upstream = idle.pop()
            if upstream.usable:
                upstream.used = True
                return upstream
        connection = await self._connect(port)
        _, made = await asyncio.get_running_loop().create_connection(lambda: Upstream(self, port), sock=connection)
        return made

    def keep(self, upstream: Upstream) -> None:
        idle = self._idle.setdefault(upstream.port, [])
        if len(idle) >= KEPT_PER_PORT:
            upstream.close()
            return
        loop = asyncio.get_running_loop()
        upstream.idle_since = loop.time()
        idle.append(upstream)
        if self._sweeping is None:
            self._sweeping = loop.call_later(KEPT_IDLE / 2, self._sweep)

    def forget(self, upstream: Upstream) -> None:
        idle = self._idle.get(upstream.port)
        if idle and upstream in idle:
            idle.remove(upstream)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        before = loop.time() - KEPT_IDLE / 2
        for port, idle in list(self._idle.items()):
            for upstream in [each for each in idle if each.idle_since < before]:
                idle.remove(upstream)
                upstream.close()
            if not idle:
                del self._idle[port]
        self._sweeping = loop.call_later(KEPT_IDLE / 2, self._sweep) if self._idle else None

    async def exchange(self, port: int, method: str, head: bytes, body: bytes, fresh: bool = False) -> Answer:
        """A whole request for a whole answer. Raises OSError (nothing listens) or Broken."""
        upstream = await self.take(port, fresh)
        whole = Whole()
        upstream.begin(whole, method)
        upstream.write(head + body)
        try:
            return await whole.answer
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


class Whole:
    """Collects an answer."""

    sent_whole = True

    def __init__(self) -> None:
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0

    def head(self, status: int, reason: bytes, headers: Headers) -> None:
        if status != 100:
            self._status = status
            self._headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}

    def data(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= LARGEST_ANSWER:
            self._body.append(data)
        elif not self.answer.done():
            self.answer.set_exception(Broken(f"the answer is larger than {LARGEST_ANSWER} bytes"))

    def end(self) -> None:
        if not self.answer.done():
            self.answer.set_result(Answer(self._status, self._headers, b"".join(self._body)))

    def upgraded(self, rest: bytes) -> None:
        self.broken(Broken("the pod changed the protocol unasked"))

    def broken(self, error: Broken) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)

    def write_paused(self, paused: bool) -> None:
        """The request is written at once; the transport holds what the pod has not read."""
