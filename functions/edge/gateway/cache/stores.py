"""Entries and tags in this process, at most so many bytes of them: the least recently used leave first."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

OVERHEAD_BYTES = 200
"""Of an entry, beside its key and value: objects and the dictionary."""


class StoreUnavailable(Exception):
    """The store does not answer."""


class Store(Protocol):
    """Values with a lifetime. Each method raises StoreUnavailable."""

    @property
    def is_available(self) -> bool:
        """Whether the store answers."""
        ...

    async def read(self, keys: Sequence[str]) -> Sequence[bytes | None]: ...

    async def write(self, values: Mapping[str, bytes], seconds: float) -> None: ...

    async def add(self, values: Mapping[str, bytes], seconds: float) -> None:
        """Write the values whose keys have none."""
        ...


class MemoryStore:
    """`now`: seconds of a clock that does not go back."""

    def __init__(self, max_bytes: int, now: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._now = now
        self._values: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        """Key → value, and until when it counts; the least recently used first."""
        self._bytes = 0

    @property
    def is_available(self) -> bool:
        return True

    async def read(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        return [self._read(key) for key in keys]

    async def write(self, values: Mapping[str, bytes], seconds: float) -> None:
        for key, value in values.items():
            self._remove(key)
            self._values[key] = value, self._now() + seconds
            self._bytes += _size(key, value)
        while self._bytes > self._max_bytes and self._values:
            self._remove(next(iter(self._values)))

    async def add(self, values: Mapping[str, bytes], seconds: float) -> None:
        await self.write({key: value for key, value in values.items() if self._read(key) is None}, seconds)

    def _read(self, key: str) -> bytes | None:
        found = self._values.get(key)
        if found is None:
            return None
        if found[1] <= self._now():
            self._remove(key)
            return None
        self._values.move_to_end(key)
        return found[0]

    def _remove(self, key: str) -> None:
        found = self._values.pop(key, None)
        if found is not None:
            self._bytes -= _size(key, found[0])


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value) + OVERHEAD_BYTES


def open_store(redis_url: str, max_bytes: int) -> Store:
    """Return a store in Redis, or in this process without a URL."""
    if not redis_url:
        return MemoryStore(max_bytes)
    from functions.edge.gateway.cache.shared import RedisStore  # redis only where configured

    return RedisStore(redis_url)
