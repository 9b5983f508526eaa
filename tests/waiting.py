"""How long tests wait. A limit ends a wait that would last for ever; it says nothing about speed, so a loaded machine must not reach it."""

MIN_LIMIT_SECONDS = 60.0
MAX_PAUSE_SECONDS = 0.1


def wait_limit(seconds: float) -> float:
    """Return the limit of a wait: what the test asks for, at least MIN_LIMIT_SECONDS."""
    return max(seconds, MIN_LIMIT_SECONDS)


def pause(waited_seconds: float, shortest_seconds: float = 0.01) -> float:
    """Return how long to sleep before the next look at a condition: a tenth of what was waited, within bounds.

    A look at a server costs CPU of both sides, which the other tests of a run lack.
    """
    return max(shortest_seconds, min(MAX_PAUSE_SECONDS, waited_seconds / 10))
