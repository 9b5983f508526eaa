"""Follows the events that end cached responses: those that declarations name, and those that change what a user may read."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from events.auth import AdministratorGranted, SessionEnded, UserDeleted, UserSuspended, UserUnsuspended
from events.platform import AuditRecorded
from events.teams import TeamMembershipChanged
from functions.edge.gateway.cache.keys import ALL, event_tag, user_tag
from functions.edge.gateway.cache.responses import ResponseCache
from functions.kernel import Declaration
from functions.runtime.messaging.bus import Bus

_log = logging.getLogger("capsule.cache")

OF_USER = frozenset(event.type for event in (TeamMembershipChanged, SessionEnded, UserSuspended, UserUnsuspended, UserDeleted, AdministratorGranted))
"""Purge every entry of the user in `userId`."""
OF_ACTORS = AuditRecorded.type
"""Every command leaves a record of who called it, also through the dashboard and other gateways: purges every entry of that user."""
ALWAYS_PURGED_BY = OF_USER | {OF_ACTORS}


def followed_events(declarations: Iterable[Declaration]) -> Sequence[str]:
    """Return the types of the events that purge entries, sorted. None without a cached response."""
    declared = {event.type for each in declarations if each.cache is not None for event in each.cache.events}
    is_cached = any(each.cache is not None for each in declarations)
    return sorted(declared | ALWAYS_PURGED_BY) if is_cached else []


class Purges:
    def __init__(self, cache: ResponseCache, declarations: Sequence[Declaration]) -> None:
        self._cache = cache
        self._types = followed_events(declarations)
        cached = [each.cache for each in declarations if each.cache is not None]
        self._of_all = {event.type for cache in cached for event in cache.purged_by}
        self._of_own = {event.type for cache in cached for event in cache.purged_by_own}

    def follow(self, bus: Bus) -> None:
        """Call it before the bus is opened."""
        if self._cache.is_on and self._types:
            bus.subscribe(self._types, on_event=self.on_event, on_bound=self._cache.resume, on_unbound=self._cache.suspend)

    def on_event(self, headers: Mapping[str, str], body: bytes) -> None:
        """An event that cannot be read purges every entry."""
        type = headers["type"]
        try:
            tags = list(self._tags(type, orjson.loads(body)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            _log.error("an event %s cannot be read, so every cached response is purged: %.200r", type, error)
            tags = [ALL]
        self._cache.purge(tags, type)

    def _tags(self, type: str, event: Mapping[str, Any]) -> Iterator[str]:
        user_id = event.get("userId")
        if type in self._of_all:
            yield event_tag(type)
        if type in self._of_own and user_id is not None:
            yield event_tag(type, user_id)
        if type in OF_USER and user_id is not None:
            yield user_tag(user_id)
        if type == OF_ACTORS:
            yield from {user_tag(record["userId"]) for record in event["records"] if record["userId"] is not None}
