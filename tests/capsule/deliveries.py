"""Messages on their way to a function of the in-memory Capsule."""

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from functions.kernel import Declaration, Event, Origin


@dataclass(frozen=True, slots=True)
class Delivery:
    declaration: Declaration
    event: Event | None
    origin: Origin
    attempt: int = 1


class Deliveries:
    """What is due, in its order, and what waits for its time: reminders and retries."""

    def __init__(self) -> None:
        self._due: deque[Delivery] = deque()
        self._delayed: list[tuple[datetime, int, Delivery]] = []
        self._order = count()

    def add(self, deliveries: Iterable[Delivery]) -> None:
        self._due.extend(deliveries)

    def delay(self, due_at: datetime, delivery: Delivery) -> None:
        heapq.heappush(self._delayed, (due_at, next(self._order), delivery))

    def pop(self) -> Delivery | None:
        """Return the next one that is due; None when none is left."""
        return self._due.popleft() if self._due else None

    def pop_delayed(self, end: datetime) -> tuple[datetime, Delivery] | None:
        """Return the next delayed one until `end`, and its time; None when none is left."""
        if not self._delayed or self._delayed[0][0] > end:
            return None
        due_at, _, delivery = heapq.heappop(self._delayed)
        return due_at, delivery

    def reminders(self) -> Sequence[tuple[datetime, Event]]:
        return [(due_at, delivery.event) for due_at, _, delivery in sorted(self._delayed) if delivery.event is not None]

    def forget_due(self) -> None:
        self._due.clear()

    def forget_delayed(self) -> None:
        self._delayed.clear()
