"""Guards calls to external systems: they happen between transactions, never inside.

A call inside a transaction would hold its locks and connection for as long as the other side takes, and be repeated with it.
"""

import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from functions.runtime.storage.database import in_transaction

P = ParamSpec("P")
R = TypeVar("R")


class CalledInsideTransaction(RuntimeError):
    """A bug: declare the use case with @effect and call the external system between its transactions."""


def external_call(method: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Mark a method that calls an external system. It raises CalledInsideTransaction while a transaction is open."""

    @functools.wraps(method)
    async def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if in_transaction():
            raise CalledInsideTransaction(f"{method.__qualname__} was called while a transaction is open")
        return await method(*args, **kwargs)

    return guarded
