"""Sliding-window counters in this process.

A counter holds the numbers of the present and the previous window. The previous one counts by the part of it that lies
within the last `window_seconds`, as in the strategy of the same name of the library `limits`, whose own counters in
memory look at every key for every request.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple, Protocol

from functions.edge.gateway.rates.limits import Limit

Hit = tuple[Limit, str]
"""A limit, and the key that is counted: an address, a user, a session."""


class CountersUnavailable(Exception):
    """The store of the counters does not answer."""


class Count(NamedTuple):
    """A counter after a request. `reset_seconds`: until its window ends. `retry_seconds`: until a refused request would be allowed."""

    limit: Limit
    is_allowed: bool
    remaining: int
    reset_seconds: int
    retry_seconds: int = 0


class Counters(Protocol):
    @property
    def is_available(self) -> bool:
        """Whether the store answers."""
        ...

    async def count(self, hits: Sequence[Hit]) -> Sequence[Count]:
        """Count one request in each counter, in this order, up to the first that does not allow it, which is the last one returned.

        Raises CountersUnavailable.
        """
        ...


@dataclass(slots=True)
class _Windows:
    """The present window's number since the epoch, and the requests of each key in it and in the one before."""

    number: int = 0
    current: dict[str, int] = field(default_factory=dict)
    previous: dict[str, int] = field(default_factory=dict)

    def move_to(self, number: int) -> None:
        self.previous = self.current if number == self.number + 1 else {}
        self.current = {}
        self.number = number


class MemoryCounters:
    """Keys of two windows are kept, so memory is bounded by the requests of two windows. `now`: Unix time."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._windows: dict[str, _Windows] = {}

    @property
    def is_available(self) -> bool:
        return True

    async def count(self, hits: Sequence[Hit]) -> Sequence[Count]:
        now, counts = self._now(), []
        for limit, key in hits:
            counts.append(self._count(limit, key, now))
            if not counts[-1].is_allowed:
                break
        return counts

    def _count(self, limit: Limit, key: str, now: float) -> Count:
        seconds = limit.window_seconds
        number, elapsed = int(now // seconds), now % seconds
        windows = self._windows.get(limit.name)
        if windows is None:
            windows = self._windows[limit.name] = _Windows(number)
        if windows.number != number:
            windows.move_to(number)
        current, previous = windows.current.get(key, 0), windows.previous.get(key, 0)
        used = current + previous * (1 - elapsed / seconds)
        if used + 1 > limit.amount:
            return refused(limit, current, previous, elapsed)
        windows.current[key] = current + 1
        return Count(limit, True, int(limit.amount - used - 1), ceil(seconds - elapsed))


def open_counters(redis_url: str, *, is_fail_open: bool) -> Counters:
    """Return counters in Redis, or in this process without a URL. `is_fail_open`: whether this process counts while Redis is away."""
    if not redis_url:
        return MemoryCounters()
    from functions.edge.gateway.rates.shared import RedisCounters, SharedCounters  # redis only where configured

    return SharedCounters(RedisCounters(redis_url), is_fail_open=is_fail_open)


def refused(limit: Limit, current: int, previous: int, elapsed: float) -> Count:
    """The count of a refused request, from the numbers of two windows and the seconds since the present one began."""
    return Count(limit, False, 0, max(1, ceil(limit.window_seconds - elapsed)), _retry_seconds(limit, current, previous, elapsed))


def _retry_seconds(limit: Limit, current: int, previous: int, elapsed: float) -> int:
    """Return when one more request is allowed: when enough of the previous window has left, or of the present one after it."""
    seconds, allowed = limit.window_seconds, limit.amount - 1
    if current <= allowed:
        return max(1, ceil(seconds * (1 - (allowed - current) / previous) - elapsed))
    return max(1, ceil(seconds - elapsed + seconds * (1 - allowed / current)))
