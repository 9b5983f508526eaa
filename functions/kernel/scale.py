"""How many instances of a function run, and how often a message is tried."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """`min`, `max`: instances. `concurrency`: messages at a time in one instance. `pool`: database connections of one instance.

    See `functions.describe.pools` for the budget of connections.
    """

    min: int = 0
    max: int = 3
    concurrency: int = 20
    pool: int = 2


@dataclass(frozen=True, slots=True)
class Retry:
    """`attempts`: in total. `first_delay_seconds`: before the second attempt; doubles with jitter up to an hour."""

    attempts: int = 8
    first_delay_seconds: float = 1.0
