"""What every context states about itself, whatever its business."""

from datetime import datetime

from functions.kernel import Event, Part


class DeadLetterCount(Part):
    """Letters of one function that died of the same error."""

    function: str
    error: str
    count: int
    oldest_at: datetime


class DeadLettersCounted(Event, type="dead-letters.counted", subject="context"):
    """Dead letters wait for an operator: how many there are in this context, and since when. Told every ten minutes, and not while there are none."""

    context: str
    open: int
    oldest_at: datetime
    causes: list[DeadLetterCount]
    at: datetime
