"""Transactions over memory adapters, and the effect's `Work` made of them.

A transaction restores the adapters' state when it raises, as PostgreSQL does. While one is open no foreign system may be called: production raises
`CalledInsideTransaction` there (`functions.runtime.storage.external_call`), and so does an adapter that is wrapped by `external`.
"""

import inspect
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from copy import copy
from typing import Any

from functions.kernel import Origin, OutgoingMessage, Permanent, Rejection

_open: ContextVar[bool] = ContextVar("open_memory_transaction", default=False)


class InsideTransaction(AssertionError):
    """A foreign system was called, or a second transaction was opened, while a transaction is open."""


@contextmanager
def transaction(stores: Collection[Any]) -> Iterator[None]:
    """Restore the state of `stores` if the block raises. Raises InsideTransaction if one is open already."""
    if _open.get():
        raise InsideTransaction("a transaction is open already")
    restore = snapshot(stores)
    token = _open.set(True)
    try:
        yield
    except BaseException:
        restore()
        raise
    finally:
        _open.reset(token)


def snapshot(stores: Collection[Any]) -> Callable[[], None]:
    """Return a function that gives `stores` their state of now again."""
    former = [(store, {name: _copied(value) for name, value in vars(store).items()}) for store in stores if hasattr(store, "__dict__")]

    def restore() -> None:
        for store, state in former:
            vars(store).clear()
            vars(store).update(state)

    return restore


def _copied(value: Any) -> Any:
    """The containers of a store, two levels deep. Their elements are never changed in place: memory adapters copy them in and out."""
    if isinstance(value, dict):
        copied = copy(value)
        copied.update((key, copy(each)) for key, each in value.items() if isinstance(each, dict | list | set))
        return copied
    return copy(value) if isinstance(value, list | set) else value


class external:
    """A foreign system's adapter: its coroutine methods raise InsideTransaction while a transaction is open."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._adapter, name)
        return _guarded(attribute) if inspect.iscoroutinefunction(attribute) else attribute


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        if _open.get():
            raise InsideTransaction(f"{method.__qualname__} was called while a transaction is open")
        return await method(*args, **kwargs)

    return call


class MemoryWork:
    """`kernel.Work` over memory: the events of its `recording()` are published when the effect ends."""

    def __init__(self, stores: Collection[Any], origin: Origin, *, is_last_attempt: bool = True) -> None:
        self._stores = stores
        self.origin = origin
        self.is_last_attempt = is_last_attempt
        self.recorded: list[OutgoingMessage] = []

    def is_final(self, error: Exception) -> bool:
        return isinstance(error, Permanent | Rejection) or self.is_last_attempt

    def resumes(self, origin: Origin) -> None:
        self.origin = origin

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        with transaction(self._stores):
            yield

    @asynccontextmanager
    async def preparing(self) -> AsyncIterator[None]:
        with transaction(self._stores):
            yield

    @asynccontextmanager
    async def recording(self) -> AsyncIterator["Record"]:
        record = Record()
        with transaction(self._stores):
            yield record
        self.recorded.extend(record.events)


class Record:
    def __init__(self) -> None:
        self.events: list[OutgoingMessage] = []

    def emit(self, *events: OutgoingMessage) -> None:
        self.events.extend(events)
