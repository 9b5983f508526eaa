"""Requests in progress: how many one caller may have, and which are refused first when the gateway is overloaded.

Probes and `/health` are always answered. Then, by the part of all places (`CAPSULE_GATEWAY_CONCURRENCY`) that is in use:

    70 %     writes without an access token are refused: sign-in, registration, webhooks, whose senders repeat them
    85 %     all other writes: they cost several times a read, and a client repeats them with its Idempotency-Key
    100 %    reads

The load of a sign-in is a password hash, that of a write two transactions and an event; reads show what happens.
"""

from collections.abc import Callable
from enum import StrEnum

from functions.edge.gateway.problems import TOO_MANY, UNAVAILABLE, Problem
from functions.edge.gateway.routing import Route

RETRY_SECONDS = 1


class Priority(StrEnum):
    """Of a request, the most important first."""

    READ = "read"
    WRITE = "write"
    ANONYMOUS_WRITE = "anonymous-write"


PARTS = {Priority.READ: 1.0, Priority.WRITE: 0.85, Priority.ANONYMOUS_WRITE: 0.7}


def priority_of(route: Route, *, has_token: bool) -> Priority:
    if not route.mutates:
        return Priority.READ
    return Priority.WRITE if has_token else Priority.ANONYMOUS_WRITE


class Admission:
    """`concurrency`: requests in progress in this gateway. `per_caller`: of them, those of one user, or of one address without a token."""

    def __init__(self, concurrency: int, per_caller: int, on_shed: Callable[[str], None] = lambda priority: None) -> None:
        self._places = {priority: int(concurrency * part) for priority, part in PARTS.items()}
        self._per_caller = per_caller
        self._on_shed = on_shed
        self._in_progress: dict[str, int] = {}

    def shed(self, priority: Priority, in_progress: int) -> None:
        """Refuse a request without a place. `in_progress`: with this one. Raises Problem 503."""
        if in_progress > self._places[priority]:
            self._on_shed(priority)
            raise Problem(UNAVAILABLE, "Too many requests are in progress. Nothing was changed.", retry_after=RETRY_SECONDS)

    def enter(self, caller_key: str) -> None:
        """Count a request in progress of one caller; end it with `leave`. Raises Problem 429."""
        in_progress = self._in_progress.get(caller_key, 0)
        if in_progress >= self._per_caller:
            detail = f"You have {self._per_caller} requests in progress, as many as one caller may have. Wait for their responses."
            raise Problem(TOO_MANY, detail, retry_after=RETRY_SECONDS)
        self._in_progress[caller_key] = in_progress + 1

    def leave(self, caller_key: str) -> None:
        in_progress = self._in_progress[caller_key] - 1
        if in_progress:
            self._in_progress[caller_key] = in_progress
        else:
            del self._in_progress[caller_key]
