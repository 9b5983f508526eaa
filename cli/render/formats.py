"""Values that look the same everywhere: money, times, durations, quantities, commits, releases and states."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.text import Text

NONE = "–"
STYLES = {
    "succeeded": "green", "failed": "red", "rolled-back": "yellow", "cancelled": "yellow", "firing": "red", "resolved": "green", "paid": "green",
    "open": "yellow", "active": "green", "past_due": "yellow", "suspended": "red", "good": "green", "restricted": "yellow", "paused": "red",
}  # fmt: skip
CURRENCIES_WITHOUT_MINOR_UNIT = frozenset({"JPY", "KRW", "CLP", "VND"})
MAX_RELATIVE_DAYS = 30
MIB_SECONDS_PER_GIB_HOUR = 1024 * 3600
STORAGE = {
    "database_mib_seconds": "databases", "redis_mib_seconds": "Redis memory", "volume_mib_seconds": "volumes", "backup_mib_seconds": "backups",
}  # fmt: skip
"""Meters that are MiB × seconds."""


def money(amount: Mapping[str, Any]) -> str:
    """Return an amount in minor units as people write it: `1,905.00 EUR`."""
    minor, currency = int(amount["amount"]), str(amount["currency"]).upper()
    if currency in CURRENCIES_WITHOUT_MINOR_UNIT:
        return f"{minor:,} {currency}"
    sign = "-" if minor < 0 else ""
    return f"{sign}{abs(minor) // 100:,}.{abs(minor) % 100:02d} {currency}"


def local_time(text: str | None) -> str:
    """Return a time in the reader's time zone."""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S") if text else NONE


def age(text: str | None, now: datetime | None = None) -> str:
    """Return a time relative to now: `5 min ago`, `in 3 days`; the date if it is more than 30 days away."""
    if not text:
        return NONE
    at = datetime.fromisoformat(text)
    seconds = ((now or datetime.now(UTC)) - at).total_seconds()
    distance = abs(seconds)
    if distance > MAX_RELATIVE_DAYS * 86_400:
        return at.astimezone().strftime("%Y-%m-%d")
    if distance < 60:
        span = f"{distance:.0f} s"
    elif distance < 3600:
        span = f"{distance / 60:.0f} min"
    elif distance < 2 * 86_400:
        span = f"{distance / 3600:.0f} h"
    else:
        span = f"{distance / 86_400:.0f} days"
    return f"{span} ago" if seconds >= 0 else f"in {span}"


def time_and_age(text: str | None, now: datetime | None = None) -> str:
    """Return `2026-11-28 21:43:29 (5 min ago)`."""
    return f"{local_time(text)} ({age(text, now)})" if text else NONE


def not_measured(since: str) -> str:
    """Return that nothing is measured in this installation."""
    return f"Nothing is measured since {time_and_age(since)}: this installation's collector does not report."


def day(text: str) -> str:
    """Return the date in UTC, in which billing periods are counted."""
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d")


def period(begin_and_end: Mapping[str, Any]) -> str:
    """Return a period with its last day. Its `end` is the first instant that does not belong to it."""
    last = datetime.fromisoformat(begin_and_end["end"]) - timedelta(microseconds=1)
    return f"{day(begin_and_end['begin'])} to {day(last.isoformat())}"


def elapsed_seconds(begin: str, end: str | None) -> float:
    """Return the seconds from `begin` to `end`, or to now."""
    return (datetime.fromisoformat(end) if end else datetime.now(UTC)).timestamp() - datetime.fromisoformat(begin).timestamp()


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds) // 60} min {int(seconds) % 60} s"
    return f"{int(seconds) // 3600} h {int(seconds) % 3600 // 60} min"


def count(value: int) -> str:
    """Return a number with thousands separators."""
    return f"{value:,}"


def cpu_seconds(milliseconds: float) -> str:
    """Return CPU time in seconds, the unit of every table: `1,800,000` or `1.250`."""
    return f"{milliseconds / 1000:,.0f}" if milliseconds % 1000 == 0 else f"{milliseconds / 1000:,.3f}"


def gib_hours(mib_seconds: int) -> str:
    """Return storage times time: `744`, `0.25`."""
    return (
        f"{mib_seconds / MIB_SECONDS_PER_GIB_HOUR:,.4g}"
        if mib_seconds < 1000 * MIB_SECONDS_PER_GIB_HOUR
        else (f"{mib_seconds / MIB_SECONDS_PER_GIB_HOUR:,.0f}")
    )


def quantity(meter: str, value: int) -> str:
    """Return a metered quantity with its unit: `2,000,000 requests`, `1,800,000 CPU seconds`, `744 GiB hours of volumes`."""
    if meter in STORAGE:
        return f"{gib_hours(value)} GiB hours of {STORAGE[meter]}"
    return f"{cpu_seconds(value)} CPU seconds" if meter == "cpu_milliseconds" else f"{count(value)} {meter.replace('_', ' ')}"


def short_commit(commit: str | None) -> str:
    return commit[:12] if commit else NONE


def release_name(number: int | None) -> str:
    return NONE if number is None else f"r{number}"


def status_text(status: str) -> Text:
    return Text(status, STYLES.get(status, "cyan"))


def or_none(value: object) -> str:
    return NONE if value is None else str(value)


def size(bytes: int | None) -> str:
    """Return a size in binary units."""
    if bytes is None:
        return "not measured"
    return f"{bytes / 2**30:.1f} GiB" if bytes >= 2**30 else f"{bytes / 2**20:.0f} MiB" if bytes >= 2**20 else f"{bytes / 2**10:.0f} KiB"
