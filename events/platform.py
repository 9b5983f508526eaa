"""Events that every context publishes about itself."""

from datetime import datetime

from functions.kernel import Event, Part

GAP = "MissingPredecessor"
"""The error of an early event (`Order.STRICT`) whose predecessor did not arrive in time."""


class DeadLetterCount(Part):
    """The open dead letters of one function with the same error."""

    function: str
    error: str
    count: int
    oldest_at: datetime


class DeadLettersCounted(Event, type="dead-letters.counted", subject="context"):
    """The open dead letters of a context were counted.

    Published every ten minutes while there are any, and when an operator has replayed or discarded some. `open`: their
    number. `oldest_at`: when the oldest died; `at` if there are none. `causes`: the most frequent ones.
    """

    context: str
    open: int
    oldest_at: datetime
    causes: list[DeadLetterCount]
    at: datetime
