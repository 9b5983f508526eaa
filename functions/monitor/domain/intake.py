"""What comes in is bounded before it is kept: text that a database can hold, of a size that it bears, at a time that is not in the future."""

from datetime import UTC, datetime

LONGEST = 16 * 1024
"""Bytes of a line that are kept."""

CUT = " … [cut]"


def bounded(line: str) -> str:
    """NUL and lone surrogates, which PostgreSQL refuses, would fail the whole batch again and again: they become U+FFFD."""
    clean = line.rstrip("\r\n").replace("\x00", "\ufffd")
    encoded = clean.encode("utf-8", "surrogatepass")
    if len(encoded) > LONGEST:
        return encoded[:LONGEST].decode("utf-8", "ignore") + CUT
    return encoded.decode("utf-8", "replace")


def plausible(at: datetime, now: datetime) -> datetime:
    """A clock that runs ahead must not make rows that outlive retention. A time without a zone is UTC."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(aware, now)
