"""Dead letters by function, as their context counts them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from events.platform import GAP, DeadLettersCounted
from functions.monitor.domain.sanitizing import bounded, plausible


@dataclass(frozen=True, slots=True)
class Waiting:
    """`given_up`: how many of them are events that waited in vain for the one before them."""

    letters: int
    skipped_events: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class WaitingTally:
    """Over a time range: the last count, the highest, and the age of the oldest letter of the last count."""

    last: int
    most: int
    oldest_at: datetime | None


def waiting(counted: DeadLettersCounted, before: Collection[str], now: datetime) -> Mapping[str, Waiting]:
    """Counts by function. Functions in `before` that have none left get zero, unless the event lists only its most frequent causes."""
    found: dict[str, Waiting] = {}
    for cause in counted.causes:
        name, oldest = bounded(cause.function), plausible(cause.oldest_at, now)
        known = found.get(name, Waiting(0, 0, oldest))
        skipped_events = known.skipped_events + (cause.count if cause.error == GAP else 0)
        found[name] = Waiting(known.letters + cause.count, skipped_events, min(known.oldest_at, oldest))
    if sum(cause.count for cause in counted.causes) == counted.open:
        found |= {name: Waiting(0, 0, now) for name in before if name not in found}
    return found
