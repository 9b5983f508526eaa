"""What waits for an operator because no retry could mend it, by function, as its context counts it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from events.platform import GAP, DeadLettersCounted
from functions.monitor.domain.intake import bounded, plausible


@dataclass(frozen=True, slots=True)
class Waiting:
    """`given_up`: how many of them are events that waited in vain for the one before them."""

    letters: int
    given_up: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class WaitingTally:
    """Over a range: the last count and the highest, and how long the oldest of the last count has been waiting."""

    last: int
    most: int
    oldest_at: datetime | None


def waiting(counted: DeadLettersCounted, before: Collection[str], now: datetime) -> Mapping[str, Waiting]:
    """By function; those `before`, of which there are none any more, with none. (Not all are named where there are very many causes.)"""
    found: dict[str, Waiting] = {}
    for cause in counted.causes:
        name, oldest = bounded(cause.function), plausible(cause.oldest_at, now)
        known = found.get(name, Waiting(0, 0, oldest))
        given_up = known.given_up + (cause.count if cause.error == GAP else 0)
        found[name] = Waiting(known.letters + cause.count, given_up, min(known.oldest_at, oldest))
    if sum(cause.count for cause in counted.causes) == counted.open:
        found |= {name: Waiting(0, 0, now) for name in before if name not in found}
    return found
