"""Requests per second, averaged over windows (pure)."""


class RateMeter:
    """Counts requests in whole seconds. `now`: seconds on a monotonic clock."""

    def __init__(self, window_seconds: float, now: float) -> None:
        self._window_seconds = max(window_seconds, 1.0)
        self._counts: list[tuple[int, int]] = []
        """(second, requests that came in it)."""
        self._created_at = now

    def count(self, now: float) -> None:
        second = int(now)
        if self._counts and self._counts[-1][0] == second:
            self._counts[-1] = (second, self._counts[-1][1] + 1)
        else:
            self._counts.append((second, 1))
        self._forget(now)

    def mean(self, window_seconds: float, now: float) -> float:
        """Requests per second over the window, of one second at least. Of the second in which the window begins, its part counts."""
        self._forget(now)
        start = max(now - max(window_seconds, 1.0), self._created_at)
        within = sum(count * min(second + 1 - start, 1.0) for second, count in self._counts if second >= int(start))
        return within / max(now - start, 1.0)

    def _forget(self, now: float) -> None:
        while self._counts and self._counts[0][0] < now - self._window_seconds - 1:
            del self._counts[0]
