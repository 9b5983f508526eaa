"""Bounds for everything that is ingested: text that PostgreSQL can store, of a limited size, at a time that is not in the future."""

from datetime import UTC, datetime

from functions.wire.log_lines import MAX_LINE_BYTES, bounded_line


def bounded(line: str) -> str:
    """Replace NUL and lone surrogates by U+FFFD (PostgreSQL rejects them, and with them the whole batch) and cut long lines."""
    if line.isascii() and len(line) <= MAX_LINE_BYTES and "\x00" not in line:  # nearly every one: nothing to encode
        return line.rstrip("\r\n")
    return bounded_line(line.rstrip("\r\n").replace("\x00", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace"))


def plausible(at: datetime, now: datetime) -> datetime:
    """At most `now`: a clock that is ahead must not create rows that outlive retention. A time without a zone is UTC."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(aware, now)
