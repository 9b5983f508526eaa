"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta

from functions.kernel import Clock

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class FixedClock(Clock):
    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, **duration: float) -> None:
        """`duration`: as for `datetime.timedelta`."""
        self.at += timedelta(**duration)
