"""Runs reconcilers: level-triggered, one at a time for each object, retried with backoff until the world is as the object says.

A reconciler is never told *what* changed. It gets the object as it is now and makes the world (or the children objects) follow; so a
change that is missed, doubled or seen late does no harm, and a restart is only a first change of everything.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from knative.local.store import Change, Conflict, Object, Store

log = logging.getLogger(__name__)

Key = tuple[str | None, str]
"""namespace, name"""

FIRST_WAIT = 0.1
LONGEST_WAIT = 30.0


@runtime_checkable
class Reconciler(Protocol):
    kind: str

    async def reconcile(self, object: Object) -> None: ...

    async def on_deleted(self, object: Object) -> None: ...

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]: ...


@runtime_checkable
class Runnable(Protocol):
    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class RequeueAfter(Exception):
    """Raised by a reconciler that is not done and knows when to look again; no failure, so it is not logged."""

    def __init__(self, after: float, why: str = "") -> None:
        super().__init__(why)
        self.after = after


class Controller:
    """A Part that feeds reconcilers from the store's changes."""

    def __init__(self, store: Store, reconcilers: Sequence[Reconciler]) -> None:
        self._store = store
        self._workers = [_Worker(store, reconciler) for reconciler in reconcilers]
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._follow(), name="controller")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self._workers))

    async def _follow(self) -> None:
        async for change in self._store.watch(None):
            for worker in self._workers:
                worker.notice(change)


class _Worker:
    def __init__(self, store: Store, reconciler: Reconciler) -> None:
        self._store = store
        self._reconciler = reconciler
        self._watches = dict(reconciler.watches())
        self._name = type(reconciler).__name__
        self._dirty: dict[Key, asyncio.Event] = {}
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._deleted: dict[Key, list[Object]] = {}

    def notice(self, change: Change) -> None:
        kind = change.kind
        if kind == self._reconciler.kind:
            metadata = change.object["metadata"]
            key = (metadata.get("namespace"), metadata["name"])
            if change.type == "DELETED":
                self._deleted.setdefault(key, []).append(change.object)
            self._enqueue(key)
        mapping = self._watches.get(kind) or self._watches.get("*")
        if mapping is not None:
            try:
                keys = list(mapping(change.object))
            except Exception:
                log.exception("%s: which of its objects %s concerns is unknown", self._name, kind)
                return
            for key in keys:
                self._enqueue(key)

    def _enqueue(self, key: Key) -> None:
        changed = self._dirty.setdefault(key, asyncio.Event())
        changed.set()
        if key not in self._running:
            self._running[key] = asyncio.create_task(self._run(key), name=f"{self._name} {key[0]}/{key[1]}")

    async def _run(self, key: Key) -> None:
        """Until the object is as wanted and nothing changed meanwhile."""
        changed = self._dirty[key]
        wait = FIRST_WAIT
        try:
            while True:
                changed.clear()
                try:
                    await self._once(key)
                except RequeueAfter as again:
                    pause, wait = again.after, FIRST_WAIT
                except Conflict as stale:  # it read before someone else wrote: nothing is wrong
                    log.debug("%s %s/%s: %s", self._name, key[0], key[1], stale)
                    pause = FIRST_WAIT / 10
                except Exception:
                    log.exception("%s %s/%s: tried again in %.1f s", self._name, key[0], key[1], wait)
                    pause, wait = wait * random.uniform(0.8, 1.2), min(wait * 2, LONGEST_WAIT)
                else:
                    if not changed.is_set():
                        return
                    wait = FIRST_WAIT
                    continue
                try:
                    await asyncio.wait_for(changed.wait(), pause)
                except TimeoutError:
                    continue
        finally:
            del self._running[key], self._dirty[key]

    async def _once(self, key: Key) -> None:
        while deleted := self._deleted.get(key):
            await self._reconciler.on_deleted(deleted[0])
            deleted.pop(0)
        self._deleted.pop(key, None)
        found = self._store.find(self._reconciler.kind, *key)
        if found is not None:
            await self._reconciler.reconcile(found)

    async def stop(self) -> None:
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
