"""Counters in Redis (or Valkey), shared by several gateways, and what happens while it does not answer.

A request waits at most TIMEOUT_SECONDS for Redis. A circuit breaker remembers that Redis is away, so that the next
requests do not wait. Meanwhile each gateway counts by itself (fail open), or refuses all requests (fail closed).
"""

import asyncio
import logging
from collections.abc import Sequence
from math import ceil
from typing import Protocol

import redis.exceptions
from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from functions.edge.gateway.circuit_breaker import CircuitBreaker, Open, Policy, State
from functions.edge.gateway.rates.counters import Count, CountersUnavailable, Hit, MemoryCounters, refused

TIMEOUT_SECONDS = 0.25
BREAKER = Policy(window_seconds=10.0, min_volume=1, failure_ratio=0.5, open_seconds=1.0, max_open_seconds=5.0, successes=1)
KEY_PREFIX = "capsule:rates"

_log = logging.getLogger("capsule.rates")


class Store(Protocol):
    async def count(self, hits: Sequence[Hit]) -> Sequence[Count]:
        """As in `Counters`."""
        ...


class RedisCounters:
    """`url`: `redis://`, `rediss://`, `valkey://` or `redis+unix://`."""

    def __init__(self, url: str) -> None:
        self._storage = RedisStorage(
            url.replace("valkey", "redis", 1), implementation="redispy", key_prefix=KEY_PREFIX, socket_connect_timeout=TIMEOUT_SECONDS
        )
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)

    async def count(self, hits: Sequence[Hit]) -> Sequence[Count]:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                counts: list[Count] = []
                for hit in hits:
                    counts.append(await self._count(hit))
                    if not counts[-1].is_allowed:
                        break
                return counts
        except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
            raise CountersUnavailable(str(error) or f"no reply within {TIMEOUT_SECONDS:g} s") from error

    async def _count(self, hit: Hit) -> Count:
        limit, key = hit
        item = RateLimitItemPerSecond(limit.amount, limit.window_seconds)
        is_allowed = await self._limiter.hit(item, limit.name, key)
        window = await self._storage.get_sliding_window(item.key_for(limit.name, key), limit.window_seconds)
        previous, previous_seconds, current, current_seconds = window
        remaining_seconds = (
            previous_seconds if previous else max(0.0, current_seconds - limit.window_seconds)
        )  # Redis keeps a counter for two windows
        if not is_allowed:
            return refused(limit, current, previous, limit.window_seconds - remaining_seconds)
        used = current + previous * remaining_seconds / limit.window_seconds
        return Count(limit, True, max(0, int(limit.amount - used)), max(1, ceil(remaining_seconds)))


class SharedCounters:
    """Counters that fall back to this process, or refuse, while the shared store is away."""

    def __init__(self, shared: Store, *, is_fail_open: bool, breaker: CircuitBreaker | None = None) -> None:
        self._shared = shared
        self._own = MemoryCounters()
        self._is_fail_open = is_fail_open
        self._breaker = breaker or CircuitBreaker(BREAKER)

    @property
    def is_available(self) -> bool:
        return self._breaker.state is State.CLOSED

    async def count(self, hits: Sequence[Hit]) -> Sequence[Count]:
        was_available = self.is_available
        try:
            permit = self._breaker.admit()
        except Open as refusal:
            return await self._fall_back(hits, CountersUnavailable(str(refusal)))
        try:
            counts = await self._shared.count(hits)
        except CountersUnavailable as error:
            self._breaker.record_failure(permit)
            if was_available:
                _log.error("the store of the rate limits is not reachable, %s: %s", self._mode, error)
            return await self._fall_back(hits, error)
        except BaseException:
            self._breaker.release(permit)
            raise
        self._breaker.record_success(permit)
        if not was_available and self.is_available:
            _log.warning("the store of the rate limits is reachable again")
        return counts

    @property
    def _mode(self) -> str:
        return "each gateway counts by itself" if self._is_fail_open else "requests are refused"

    async def _fall_back(self, hits: Sequence[Hit], error: CountersUnavailable) -> Sequence[Count]:
        if not self._is_fail_open:
            raise error
        return await self._own.count(hits)
