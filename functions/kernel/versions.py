"""Conversion of older message versions to the current one (upcasting).

A queue, an outbox, a dead letter or a delayed retry may hold a message that was written before a deployment. Its attribute
`dataversion` is the version that wrote it (absent: 1). Where the version of an event, command or query is raised, the module
of its model declares how the previous version becomes the next:

    class UserCreated(Event, type="user.created", version=2, subject="user_id"):
        user_id: UUID
        address: Address
        at: datetime

    @upcasts("user.created", from_=1)
    def nest_address(payload: Payload) -> Payload:
        return {"address": {"email": payload.pop("email"), "verified": False}, **payload}

A step is pure: from the JSON object of one version, as it was on the wire (camelCase, secrets still sealed), to that of the
next. Steps are chained, so each is written once. `python -m functions.describe --check` refuses a raised version without a
path from the released one.

There is no downcasting of messages. During a roll-out an older release retries messages of a newer one until the new code is
there (`execution.failures`). Former versions of a route of the HTTP API are declared (`kernel.former_versions`): their requests
are messages of the former version.
"""

from collections.abc import Callable
from typing import Any, TypeVar

Payload = dict[str, Any]
Upcaster = Callable[[Payload], Payload]
U = TypeVar("U", bound=Upcaster)

_upcasters: dict[tuple[str, int], Upcaster] = {}


class MissingUpcaster(Exception):
    """No upcaster is declared for a version on the way. The text names it."""


def upcasts(type: str, *, from_: int) -> Callable[[U], U]:
    """Declare how version `from_` of a type (`user.created`, `auth.register`) becomes version `from_ + 1`."""

    def declare(upcaster: U) -> U:
        existing = _upcasters.setdefault((type, from_), upcaster)
        if existing is not upcaster and (existing.__module__, existing.__qualname__) != (upcaster.__module__, upcaster.__qualname__):
            raise TypeError(
                f"two upcasters of version {from_} of {type}:"
                f" {existing.__module__}.{existing.__qualname__} and {upcaster.__module__}.{upcaster.__qualname__}"
            )
        if from_ < 1:
            raise TypeError(f"{type}: versions are counted from 1")
        _upcasters[type, from_] = upcaster
        return upcaster

    return declare


def missing_steps(type: str, from_: int, to: int) -> list[int]:
    """Return the versions between `from_` and `to` that have no upcaster."""
    return [version for version in range(from_, to) if (type, version) not in _upcasters]


def upcast(type: str, payload: Payload, from_: int, to: int) -> Payload:
    """Return the payload as version `to` has it; the argument is not changed. Raises MissingUpcaster."""
    if missing := missing_steps(type, from_, to):
        raise MissingUpcaster(f"no upcaster converts version {missing[0]} of {type} to version {missing[0] + 1}")
    for version in range(from_, to):
        payload = _upcasters[type, version](dict(payload))
    return payload
