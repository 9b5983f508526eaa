"""What another context has just created, and this one learns of by an event that is still on its way.

A client that creates a team and deploys to it at once meets a context that does not know the team. Its function waits for the event, for
WAITS_SECONDS in all, and repeats what it did: nothing of it was committed. If the event does not come, the caller gets 503 with Retry-After and can
repeat the request with the same Idempotency-Key. What is older than RECENT, by the time in its UUIDv7 (RFC 9562, section 5.7), does not exist.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from functions.kernel import NotKnownYet, Rejection

T = TypeVar("T")

RECENT = timedelta(seconds=10)
WAITS_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.75)
"""Between attempts. An event takes some 10 ms from commit to commit, and longer to a function that starts."""
MAX_WAITING = 4
"""Messages of one function at a time; a function handles 20 or more."""
MAX_CLOCK_SKEW = timedelta(seconds=2)
"""Of the machine that made the id."""


def raise_if_recent(rejection: Rejection, now: datetime) -> None:
    """Raises NotKnownYet for a rejection because of what was created just now in another context."""
    for each in rejection.foreign_ids:
        if is_recent(each, now):
            raise NotKnownYet(f"{each} was created a moment ago and is not known here yet. Nothing was done. Try again in a second.") from rejection


def is_recent(id: UUID, now: datetime) -> bool:
    """Whether a UUIDv7 was made within RECENT. False for any other id."""
    if id.version != 7:
        return False
    age = now - datetime.fromtimestamp((id.int >> 80) / 1000, UTC)
    return -MAX_CLOCK_SKEW <= age <= RECENT


class Waits:
    """Waits of one function. At most MAX_WAITING at a time: who makes up ids of now must not occupy all that it can do at once."""

    def __init__(self) -> None:
        self._waiting = 0

    async def repeat(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return the result of `attempt`, which is repeated after each wait while it raises NotKnownYet. Raises NotKnownYet at last, and
        at once while too many wait."""
        for seconds in WAITS_SECONDS:
            try:
                return await attempt()
            except NotKnownYet:
                if self._waiting >= MAX_WAITING:
                    raise
            self._waiting += 1
            try:
                await asyncio.sleep(seconds)
            finally:
                self._waiting -= 1
        return await attempt()
