"""The network comes between transactions, never inside one: an adapter of a foreign system that is called while a transaction is open
would hold its locks and its connection for as long as the other side pleases, and would repeat the call when the transaction is."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from functions.runtime.storage.database import in_transaction

P = ParamSpec("P")
R = TypeVar("R")


class CalledInsideTransaction(RuntimeError):
    """A programming error: declare the use case with @effect and call out between its transactions."""


def external_call(method: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Marks a method that goes out to a foreign system; raises CalledInsideTransaction while a transaction is open."""

    @functools.wraps(method)
    async def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if in_transaction():
            raise CalledInsideTransaction(f"{method.__qualname__} was called while a transaction is open")
        return await method(*args, **kwargs)

    return guarded
