"""How long tests wait. A limit ends a wait that would last for ever; it says nothing about speed, so a loaded machine must not reach it."""

MIN_LIMIT_SECONDS = 60.0


def wait_limit(seconds: float) -> float:
    """Return the limit of a wait: what the test asks for, at least MIN_LIMIT_SECONDS."""
    return max(seconds, MIN_LIMIT_SECONDS)
