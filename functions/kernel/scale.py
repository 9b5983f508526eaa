"""How many instances of a function run, and how often a message is tried."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """`min`, `max`: instances. `concurrency`: messages at a time in one instance. `pool`: database connections of one instance.

    `batch`: messages that may share a transaction (`runtime.execution.batches`). More than 1 only for a function whose handler does nothing
    but read and write the database, and keeps nothing in the process.

    See `functions.describe.pools` for the budget of connections.
    """

    min: int = 0
    max: int = 3
    concurrency: int = 20
    pool: int = 2
    batch: int = 1


@dataclass(frozen=True, slots=True)
class Retry:
    """`attempts`: in total. `first_delay_seconds`: before the second attempt; doubles with jitter up to an hour."""

    attempts: int = 8
    first_delay_seconds: float = 1.0
