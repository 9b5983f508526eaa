"""Entries and tags in Redis (or Valkey), shared by several gateways.

A request waits at most TIMEOUT_SECONDS for Redis. A circuit breaker remembers that Redis is away, so that the next requests
do not wait: they are answered as without a cache.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import redis.exceptions
from redis.asyncio import Redis

from functions.edge.gateway.cache.stores import StoreUnavailable
from functions.edge.gateway.circuit_breaker import CircuitBreaker, Open, Policy, State

TIMEOUT_SECONDS = 0.25
BREAKER = Policy(window_seconds=10.0, min_volume=1, failure_ratio=0.5, open_seconds=1.0, max_open_seconds=5.0, successes=1)
KEY_PREFIX = "capsule:cache:"

_log = logging.getLogger("capsule.cache")


class RedisStore:
    """`url`: `redis://`, `rediss://`, `valkey://` or `redis+unix://`."""

    def __init__(self, url: str, breaker: CircuitBreaker | None = None) -> None:
        scheme, _, rest = url.replace("valkey", "redis", 1).partition("://")
        self._redis: Redis = Redis.from_url(f"{'unix' if scheme == 'redis+unix' else scheme}://{rest}", socket_connect_timeout=TIMEOUT_SECONDS)
        self._breaker = breaker or CircuitBreaker(BREAKER)

    @property
    def is_available(self) -> bool:
        return self._breaker.state is State.CLOSED

    async def read(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        values: Sequence[bytes | None] = await self._call(partial(self._redis.mget, [KEY_PREFIX + key for key in keys]))
        return values

    async def write(self, values: Mapping[str, bytes], seconds: float) -> None:
        await self._set(values, seconds, is_only_new=False)

    async def add(self, values: Mapping[str, bytes], seconds: float) -> None:
        await self._set(values, seconds, is_only_new=True)

    async def _set(self, values: Mapping[str, bytes], seconds: float, *, is_only_new: bool) -> None:
        pipeline: Any = self._redis.pipeline(transaction=False)
        for key, value in values.items():
            pipeline.set(KEY_PREFIX + key, value, px=max(1, round(seconds * 1000)), nx=is_only_new)
        await self._call(pipeline.execute)

    async def _call(self, send: Callable[[], Awaitable[Any]]) -> Any:
        was_available = self.is_available
        try:
            permit = self._breaker.admit()
        except Open as refusal:
            raise StoreUnavailable(str(refusal)) from None
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                answer = await send()
        except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
            self._breaker.record_failure(permit)
            text = str(error) or f"no reply within {TIMEOUT_SECONDS:g} s"
            if was_available:
                _log.error("the store of cached responses is not reachable, responses are not cached: %s", text)
            raise StoreUnavailable(text) from error
        except BaseException:
            self._breaker.release(permit)
            raise
        self._breaker.record_success(permit)
        if not was_available and self.is_available:
            _log.warning("the store of cached responses is reachable again")
        return answer
