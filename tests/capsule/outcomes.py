"""What became of the messages of the in-memory Capsule."""

from dataclasses import dataclass
from datetime import datetime

from functions.kernel import Event, Origin


@dataclass(frozen=True, slots=True)
class Published:
    """An event as it was published: by which function, when, and on whose behalf (`origin`)."""

    event: Event
    function: str
    at: datetime
    origin: Origin


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that no retry can mend, or that failed as often as its function's `Retry` allows."""

    function: str
    event: Event | None
    error: Exception
