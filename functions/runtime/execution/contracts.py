"""Checks that a function publishes and rejects with what its declaration names."""

import logging
from collections.abc import Iterable

from functions.kernel import Declaration, OutgoingMessage, Rejection
from functions.runtime.execution.context import UndeclaredEvent, UndeclaredRejection

_log = logging.getLogger("capsule.contracts")


def check_events(declaration: Declaration, messages: Iterable[OutgoingMessage], is_strict: bool) -> None:
    """Log events that `emits` does not name; raise UndeclaredEvent if `is_strict`."""
    if undeclared := declaration.undeclared_events(messages):
        names = ", ".join(event.__name__ for event in undeclared)
        error = UndeclaredEvent(f"{declaration.name} publishes {names}: add to its `emits`")
        if is_strict:
            raise error
        _log.error("%s", error)


def check_rejection(declaration: Declaration, rejection: Rejection, is_strict: bool) -> None:
    """Log a rejection that `rejects` does not name; raise UndeclaredRejection if `is_strict`."""
    if not declaration.is_declared_rejection(rejection):
        error = UndeclaredRejection(f"{declaration.name} rejects with {type(rejection).__name__}: add it to its `rejects`")
        if is_strict:
            raise error from rejection
        _log.error("%s", error)
