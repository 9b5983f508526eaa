"""The key of a cached response, and its tags.

all                    every entry
user:<id>              every entry of a caller
event:<type>           an event that the declaration names in `purged_by`
event:<type>:<id>      an event that it names in `purged_by_own`, about this user
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from uuid import UUID

import orjson

from functions.edge.gateway.routing import Route
from functions.kernel import Caller

ALL = "all"


def user_tag(user_id: UUID | str) -> str:
    """Hashed, as the keys are: a store shows no ids."""
    return f"user:{_hashed(user_id)}"


def event_tag(type: str, user_id: UUID | str | None = None) -> str:
    return f"event:{type}" if user_id is None else f"event:{type}:{_hashed(user_id)}"


def _hashed(user_id: UUID | str) -> str:
    return blake2b(str(user_id).encode(), digest_size=16).hexdigest()


def entry_key(route: Route, caller: Caller | None, body: bytes) -> str:
    """Return the key of a response: of its route, its input, and all that is known of its caller. `body`: of the message, canonical JSON.

    Roles and scopes are in the access token, so a token with others has other entries. It is a hash: a store shows no ids.
    """
    identity = _identity(caller) if route.declaration.needs_caller else None
    return blake2b(orjson.dumps([route.key, identity]) + body, digest_size=24).hexdigest()


def _identity(caller: Caller | None) -> Sequence[object] | None:
    if caller is None:
        return None
    scopes = None if caller.scopes is None else sorted(caller.scopes)
    return [str(caller.user_id), str(caller.session_id), sorted(caller.roles), scopes]


def tags_of(route: Route, caller: Caller | None) -> Sequence[str]:
    return tuple(_tags(route, caller))


def _tags(route: Route, caller: Caller | None) -> Iterator[str]:
    declaration = route.declaration
    assert declaration.cache is not None
    yield ALL
    for event in declaration.cache.purged_by:
        yield event_tag(event.type)
    if caller is not None and declaration.needs_caller:
        yield user_tag(caller.user_id)
        for event in declaration.cache.purged_by_own:
            yield event_tag(event.type, caller.user_id)
