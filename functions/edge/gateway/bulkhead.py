"""A bulkhead: a bounded number of requests in progress, and a bounded queue in front of it that nobody waits in for long.

A slow context fills its own bulkhead. Without one its requests, which wait for ten seconds each, would fill the gateway.
"""

import asyncio
from collections import deque
from contextlib import suppress


class Full(Exception):
    """All places are in use, and the queue is full or did not move in time."""


class Bulkhead:
    """`size`: requests in progress. `queue`: requests that wait for a place, first in, first out, at most `wait_seconds`."""

    def __init__(self, size: int, queue: int, wait_seconds: float) -> None:
        self._size = size
        self._queue = queue
        self._wait_seconds = wait_seconds
        self._in_progress = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def in_progress(self) -> int:
        return self._in_progress

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def enter(self) -> None:
        """Take a place; give it back with `leave`. Raises Full."""
        if self._in_progress < self._size and not self._waiting:
            self._in_progress += 1
            return
        if len(self._waiting) >= self._queue:
            raise Full(f"{self._in_progress} requests are in progress and {len(self._waiting)} wait")
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(self._wait_seconds):
                await place
        except BaseException as error:
            if place.done() and not place.cancelled():
                self.leave()  # it was handed over in the same turn of the event loop
            else:
                with suppress(ValueError):
                    self._waiting.remove(place)
            if isinstance(error, TimeoutError):
                raise Full(f"{self._in_progress} requests are in progress, and none ended within {self._wait_seconds:g} s") from None
            raise

    def leave(self) -> None:
        """Hand the place to the next one in the queue."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._in_progress -= 1
