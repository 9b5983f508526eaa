"""The system clock: the only place where the runtime reads the time of day."""

from datetime import UTC, datetime


class SystemClock:
    """A `kernel.Clock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)
