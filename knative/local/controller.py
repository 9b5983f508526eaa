"""Run reconcilers: level-triggered, one at a time for each object, retried with back-off.

A reconciler does not learn what changed. It gets the object's present state and makes its children, processes or queues
match. A change that is missed, repeated or late does no harm, and a restart is a change of every object.
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

MIN_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 30.0
CONFLICT_PAUSE_SECONDS = 0.01


@runtime_checkable
class Reconciler(Protocol):
    kind: str

    async def reconcile(self, object: Object) -> None:
        """Make the world match an object of `kind`.

        Idempotent. Raises RequeueAfter to be called again; any other exception is retried.
        """
        ...

    async def on_deleted(self, object: Object) -> None:
        """Handle the deletion of an object of `kind`.

        Called at least once for each object that was deleted while the controller ran.
        """
        ...

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        """Return other kinds to watch ("*": all) → the objects of `kind` that a change of theirs concerns."""
        ...


@runtime_checkable
class Runnable(Protocol):
    """A part of the process with a lifetime."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class RequeueAfter(Exception):
    """Raised by a reconciler that must be called again after some seconds. Not a failure, so it is not logged."""

    def __init__(self, seconds: float, reason: str = "") -> None:
        super().__init__(reason)
        self.seconds = seconds


class Controller:
    """A Runnable that calls reconcilers for the store's changes."""

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
                worker.handle(change)


class _Worker:
    """The queue of one reconciler."""

    def __init__(self, store: Store, reconciler: Reconciler) -> None:
        self._store = store
        self._reconciler = reconciler
        self._watches = dict(reconciler.watches())
        self._name = type(reconciler).__name__
        self._changed: dict[Key, asyncio.Event] = {}
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._deleted: dict[Key, list[Object]] = {}

    def handle(self, change: Change) -> None:
        kind = change.kind
        if kind == self._reconciler.kind:
            if change.type == "DELETED":
                self._deleted.setdefault(change.key, []).append(change.object)
            self._enqueue(change.key)
        mapping = self._watches.get(kind) or self._watches.get("*")
        if mapping is not None:
            try:
                keys = list(mapping(change.object))
            except Exception:
                log.exception("%s: cannot map a change of %s to its objects", self._name, kind)
                return
            for key in keys:
                self._enqueue(key)

    def _enqueue(self, key: Key) -> None:
        changed = self._changed.setdefault(key, asyncio.Event())
        changed.set()
        if key not in self._running:
            self._running[key] = asyncio.create_task(self._run(key), name=f"{self._name} {key[0]}/{key[1]}")

    async def _run(self, key: Key) -> None:
        """Reconcile until it succeeds without a change in between."""
        changed = self._changed[key]
        backoff = MIN_BACKOFF_SECONDS
        try:
            while True:
                changed.clear()
                try:
                    await self._once(key)
                except RequeueAfter as requeue:
                    pause, backoff = requeue.seconds, MIN_BACKOFF_SECONDS
                except Conflict as conflict:  # the object was written between its read and its write
                    log.debug("%s %s/%s: %s", self._name, key[0], key[1], conflict)
                    pause = CONFLICT_PAUSE_SECONDS
                except Exception:
                    log.exception("%s %s/%s: retried in %.1f s", self._name, key[0], key[1], backoff)
                    pause, backoff = backoff * random.uniform(0.8, 1.2), min(backoff * 2, MAX_BACKOFF_SECONDS)
                else:
                    if not changed.is_set():
                        return
                    backoff = MIN_BACKOFF_SECONDS
                    continue
                try:
                    await asyncio.wait_for(changed.wait(), pause)
                except TimeoutError:
                    continue
        finally:
            del self._running[key], self._changed[key]

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
