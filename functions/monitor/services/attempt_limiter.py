"""Bound the attempts in progress for one team, so that its slow receivers do not hold up the deliveries of others."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

MAX_ATTEMPTS_OF_TEAM = 8
"""At a time in one instance, which makes 20 (`Scale.concurrency`)."""
BUSY_DELAY = timedelta(seconds=5)
"""Until an attempt that found no place is requested again."""


class AttemptLimiter:
    """Counts in memory: each instance bounds its own."""

    def __init__(self) -> None:
        self._in_progress = Counter[UUID]()

    @contextmanager
    def place(self, team_id: UUID) -> Iterator[bool]:
        """Hold a place for one attempt. False: there is none, and nothing is held."""
        if self._in_progress[team_id] >= MAX_ATTEMPTS_OF_TEAM:
            yield False
            return
        self._in_progress[team_id] += 1
        try:
            yield True
        finally:
            self._in_progress[team_id] -= 1
            if not self._in_progress[team_id]:
                del self._in_progress[team_id]
