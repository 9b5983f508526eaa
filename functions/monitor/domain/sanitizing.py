"""Bounds for everything that is ingested: text that PostgreSQL can store, of a limited size, at a time that is not in the future."""

from datetime import UTC, datetime

MAX_LINE_BYTES = 16 * 1024
"""Bytes of a line that are stored."""

CUT = " … [cut]"


def bounded(line: str) -> str:
    """Replace NUL and lone surrogates by U+FFFD (PostgreSQL rejects them, and with them the whole batch) and cut long lines."""
    clean = line.rstrip("\r\n").replace("\x00", "\ufffd")
    encoded = clean.encode("utf-8", "surrogatepass")
    if len(encoded) > MAX_LINE_BYTES:
        return encoded[:MAX_LINE_BYTES].decode("utf-8", "ignore") + CUT
    return encoded.decode("utf-8", "replace")


def plausible(at: datetime, now: datetime) -> datetime:
    """At most `now`: a clock that is ahead must not create rows that outlive retention. A time without a zone is UTC."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(aware, now)
