"""What every context states about itself, whatever its business."""

from datetime import datetime

from functions.kernel import Event, Part

GAP = "MissingPredecessor"
"""The error of an early event (`Order.STRICT`) that waited in vain for the one before it."""


class DeadLetterCount(Part):
    """Letters of one function that died of the same error."""

    function: str
    error: str
    count: int
    oldest_at: datetime


class DeadLettersCounted(Event, type="dead-letters.counted", subject="context"):
    """Dead letters wait for an operator: how many there are in this context, and since when (`oldest_at` is `at` where none do). Told every ten
    minutes while there are any, and whenever an operator has dealt with some. `causes`: the most numerous ones."""

    context: str
    open: int
    oldest_at: datetime
    causes: list[DeadLetterCount]
    at: datetime
