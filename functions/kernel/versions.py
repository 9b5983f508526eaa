"""Old messages are read by new code: how a type's earlier versions become today's.

A queue, an outbox, a dead letter or a delayed retry may hold a message that was written before a deployment. Its attribute `dataversion` says by
which version (none: the first). Where the version of an event, a command or a query is raised, the module of its model says beside it how one
version became the next:

    class UserCreated(Event, type="user.created", version=2, subject="user_id"):
        user_id: UUID
        address: Address
        at: datetime

    @upcasts("user.created", from_=1)
    def one_address(payload: Payload) -> Payload:
        return {"address": {"email": payload.pop("email"), "verified": False}, **payload}

A step is pure: from the JSON object as it was on the wire (camelCase; secrets still sealed) to that of the next version. Steps are chained, so
each is written once and never touched again. `python -m functions.describe --check` refuses a raised version to which a released one has no way.

The other direction has no function: what a newer release writes, an older one cannot know. During a roll-out such a message is tried again until
the new code is there (see `runtime.failures`). A client of the HTTP API speaks today's version: there the gateway refuses what is not.
"""

from collections.abc import Callable
from typing import Any, TypeVar

Payload = dict[str, Any]
Step = Callable[[Payload], Payload]
S = TypeVar("S", bound=Step)

_steps: dict[tuple[str, int], Step] = {}


class MissingUpcaster(Exception):
    """Nothing says how that version becomes the next."""


def upcasts(type: str, *, from_: int) -> Callable[[S], S]:
    """Declares how version `from_` of a type (`user.created`, `auth.register`) becomes the version after it."""

    def declare(step: S) -> S:
        twin = _steps.setdefault((type, from_), step)
        if twin is not step and (twin.__module__, twin.__qualname__) != (step.__module__, step.__qualname__):
            raise TypeError(f"{twin.__module__}.{twin.__qualname__} and {step.__module__}.{step.__qualname__} both raise version {from_} of {type}")
        if from_ < 1:
            raise TypeError(f"{type}: versions are counted from 1")
        _steps[type, from_] = step
        return step

    return declare


def missing_steps(type: str, from_: int, to: int) -> list[int]:
    """The versions on the way that do not know how to go on."""
    return [version for version in range(from_, to) if (type, version) not in _steps]


def upcast(type: str, payload: Payload, from_: int, to: int) -> Payload:
    """The payload as version `to` would have it; what was given stays as it is. Raises MissingUpcaster."""
    if missing := missing_steps(type, from_, to):
        raise MissingUpcaster(f"nothing says how version {missing[0]} of {type} becomes version {missing[0] + 1}")
    for version in range(from_, to):
        payload = _steps[type, version](dict(payload))
    return payload
