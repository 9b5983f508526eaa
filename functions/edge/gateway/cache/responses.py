"""Answers a request from the cache, or asks the function and keeps its response."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from functions.edge.gateway.cache.keys import ALL, entry_key, tags_of, user_tag
from functions.edge.gateway.cache.stores import Store, StoreUnavailable
from functions.edge.gateway.routing import Route
from functions.kernel import Caller
from functions.kernel.caching import MAX_SECONDS
from functions.runtime.messaging.bus import Reply

TAG_SECONDS = 2 * MAX_SECONDS
"""Longer than an entry lives."""
MAX_BODY_BYTES = 256 * 1024
HOLD = b"hold"
HIT, MISS, BYPASS = "hit", "miss", "bypass"
COMMAND, RECONNECTED = "command", "reconnected"
"""Causes of purges that are no events."""

Ask = Callable[[], Awaitable[Reply]]
Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Counters:
    """Where the cache counts: `request(path, result)` and `purge(cause)`."""

    request: Callable[[str, str], None]
    purge: Callable[[str], None]


class ResponseCache:
    """Answers from the cache only between `resume` and `suspend`: while the events that purge it arrive.

    `store`: None caches nothing. `settle_seconds`: how long a purged tag is on hold, in which the other contexts handle the event too.
    """

    def __init__(self, store: Store | None, counters: Counters, settle_seconds: float, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._counters = counters
        self._settle_seconds = settle_seconds
        self._now = now
        self._is_following = False
        self._must_flush = True
        self._purges_in_progress = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_on(self) -> bool:
        return self._store is not None

    @property
    def is_available(self) -> bool:
        return self._store is None or self._store.is_available

    def suspend(self) -> None:
        """Events may be missed from now on."""
        self._is_following = False

    def resume(self) -> None:
        """No event is missed from now on. Those that were are unknown, so every entry is purged before the next use."""
        self._is_following = True
        self._must_flush = True

    async def answer(self, route: Route, caller: Caller | None, body: bytes, cache_control: str, ask: Ask) -> tuple[Reply, Headers]:
        """Return the reply to a request, and header fields: `Cache-Status` (RFC 9211) and `Age`.

        `cache_control`: of the request; `no-cache` asks the function (RFC 9111 section 5.2.1). Raises what `ask` raises.
        """
        if self._store is None:
            return await ask(), {}
        if route.mutates:
            return await self._write(self._store, route, caller, ask), {}
        if route.declaration.cache is None:
            return await ask(), {}
        return await self._read(self._store, route, caller, body, cache_control.lower(), ask)

    def purge(self, tags: Sequence[str], cause: str) -> None:
        """End every entry with one of these tags, in the background. No entry is used until it is done.

        If the store is away, all entries are purged before the next use.
        """
        if self._store is None:
            return
        self._counters.purge(cause)
        self._purges_in_progress += 1
        task = asyncio.create_task(self._hold(self._store, tags, self._settle_seconds))
        self._tasks.add(task)
        task.add_done_callback(self._on_purged)

    def _on_purged(self, task: "asyncio.Task[None]") -> None:
        self._purges_in_progress -= 1
        self._tasks.discard(task)

    async def _write(self, store: Store, route: Route, caller: Caller | None, ask: Ask) -> Reply:
        """Hold the caller's entries while a command is in progress and until its events have arrived. Without a reply it may take effect later."""
        if caller is None:
            return await ask()
        tag = user_tag(caller.user_id)
        self._counters.purge(COMMAND)
        await self._hold(store, [tag], route.declaration.deadline_seconds + self._settle_seconds)
        reply = await ask()
        await self._hold(store, [tag], self._settle_seconds)
        return reply

    async def _read(self, store: Store, route: Route, caller: Caller | None, body: bytes, cache_control: str, ask: Ask) -> tuple[Reply, Headers]:
        assert route.declaration.cache is not None
        key, tags = entry_key(route, caller, body), tags_of(route, caller)
        try:
            entry, tokens = await self._look_up(store, key, tags)
        except StoreUnavailable:
            entry, tokens = None, None
        if tokens is None:
            self._counters.request(route.path, BYPASS)
            return await ask(), {"cache-status": "capsule; fwd=bypass"}
        is_forced = "no-cache" in cache_control or "no-store" in cache_control
        if entry is not None and not is_forced and (found := _decoded(entry, tokens)) is not None:
            age = max(0, int(self._now() - found.at))
            self._counters.request(route.path, HIT)
            ttl = max(0, route.declaration.cache.seconds - age)
            return Reply("done", found.status, {}, found.body), {"cache-status": f"capsule; hit; ttl={ttl}", "age": str(age)}
        self._counters.request(route.path, MISS)
        at = self._now()
        reply = await ask()
        is_stored = reply.outcome == "done" and len(reply.body) <= MAX_BODY_BYTES and "no-store" not in cache_control
        if is_stored:
            is_stored = await self._keep(store, key, _encoded(reply, tokens, at), route.declaration.cache.seconds)
        return reply, {"cache-status": f"capsule; fwd={'request' if is_forced else 'miss'}{'; stored' if is_stored else ''}"}

    async def _look_up(self, store: Store, key: str, tags: Sequence[str]) -> tuple[bytes | None, Sequence[bytes] | None]:
        """Return the entry, if there is one, and the tokens of its tags; no tokens if it must not be used or kept. Raises StoreUnavailable."""
        if not self._is_following or self._purges_in_progress or not await self._flush_if_needed(store):
            return None, None
        entry, *tokens = await store.read([key, *tags])
        if None in tokens:
            await store.add({tag: secrets.token_bytes(8) for tag, token in zip(tags, tokens, strict=True) if token is None}, TAG_SECONDS)
            entry, *tokens = await store.read([key, *tags])
        known = [token for token in tokens if token is not None and token != HOLD]
        return (entry, known) if len(known) == len(tags) else (None, None)

    async def _flush_if_needed(self, store: Store) -> bool:
        """Purge every entry if events may have been missed. Returns whether the cache can be used."""
        if not self._must_flush:
            return True
        self._must_flush = False
        self._counters.purge(RECONNECTED)
        self._purges_in_progress += 1  # so that a request meanwhile uses no entry
        try:
            await self._hold(store, [ALL], self._settle_seconds)
        finally:
            self._purges_in_progress -= 1
        return not self._must_flush

    async def _hold(self, store: Store, tags: Sequence[str], seconds: float) -> None:
        try:
            await store.write(dict.fromkeys(tags, HOLD), seconds)
        except StoreUnavailable:
            self._must_flush = True

    async def _keep(self, store: Store, key: str, value: bytes, seconds: int) -> bool:
        try:
            await store.write({key: value}, seconds)
        except StoreUnavailable:
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Entry:
    """`at`: Unix time at which the function was asked."""

    status: int
    at: float
    body: bytes


def _encoded(reply: Reply, tokens: Sequence[bytes], at: float) -> bytes:
    return orjson.dumps([reply.status, at, [token.hex() for token in tokens]]) + b"\n" + reply.body


def _decoded(value: bytes, tokens: Sequence[bytes]) -> _Entry | None:
    """Return the entry; None if one of its tags has been purged since it was written."""
    head, _, body = value.partition(b"\n")
    status, at, written = orjson.loads(head)
    found: list[Any] = [token.hex() for token in tokens]
    return _Entry(status, at, body) if written == found else None
