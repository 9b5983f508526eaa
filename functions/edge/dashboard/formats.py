"""What people read: times, amounts, sizes and counts."""

from datetime import UTC, datetime, timedelta
from typing import Any

from functions.edge.dashboard.log_parts import log_parts
from functions.edge.dashboard.source_links import compare_url

MINOR_DIGITS = {"JPY": 0, "KRW": 0, "CLP": 0, "VND": 0, "KWD": 3, "BHD": 3, "OMR": 3, "TND": 3}
"""Digits after the point, where ISO 4217 has not two."""
MIB_SECONDS_PER_GIB_HOUR = 1024 * 3600
METER_NAMES = {
    "requests": "Requests",
    "cpu_milliseconds": "CPU",
    "database_mib_seconds": "Databases",
    "redis_mib_seconds": "Redis memory",
    "volume_mib_seconds": "Volumes",
    "backup_mib_seconds": "Backups and snapshots",
}
STEPS = ((60, "s", 1), (3600, "min", 60), (86400, "h", 3600), (86400 * 30, "d", 86400))


def parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def age(text: str | None, now: datetime | None = None) -> str:
    """`5 min ago`, or `in 5 min` for what is to come; a dash without a time."""
    if not text:
        return "–"
    seconds = ((now or datetime.now(UTC)) - parse_time(text)).total_seconds()
    if abs(seconds) < 5:
        return "just now"
    for limit, unit, size in STEPS:
        if abs(seconds) < limit:
            return f"{int(seconds / size)} {unit} ago" if seconds > 0 else f"in {int(-seconds / size)} {unit}"
    return parse_time(text).strftime("%Y-%m-%d")


def exact(text: str | None) -> str:
    return parse_time(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if text else ""


def clock_time(text: str) -> str:
    return parse_time(text).astimezone(UTC).strftime("%H:%M:%S")


def minute(text: str) -> str:
    """`11-29 18:40`: a time on the axis of a chart."""
    return parse_time(text).astimezone(UTC).strftime("%m-%d %H:%M") if text else ""


def day(text: str | None) -> str:
    return parse_time(text).strftime("%Y-%m-%d") if text else "–"


def last_day(text: str | None) -> str:
    """The last day of a period. Its `end` is the first instant that does not belong to it."""
    return (parse_time(text) - timedelta(microseconds=1)).strftime("%Y-%m-%d") if text else "–"


def duration(begin: str | None, end: str | None) -> str:
    """`1.8 s` between two times; to now without an end."""
    if not begin:
        return ""
    seconds = ((parse_time(end) if end else datetime.now(UTC)) - parse_time(begin)).total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def money(amount: dict[str, Any] | None) -> str:
    """An amount in minor units: `20.00 EUR`."""
    if amount is None:
        return "–"
    digits = MINOR_DIGITS.get(amount["currency"], 2)
    return f"{amount['amount'] / 10**digits:,.{digits}f} {amount['currency']}"


def count(number: float | None) -> str:
    return "–" if number is None else f"{number:,.0f}"


def size(number: float | None) -> str:
    """Bytes: `12.3 MiB`."""
    if number is None:
        return "–"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024 or unit == "GiB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return ""


def quantity(meter: str, number: int) -> str:
    """An amount of a meter: `1,200 requests`, `36.0 CPU seconds`, `12.5 GiB hours`."""
    if meter.endswith("_mib_seconds"):
        gib_hours = number / MIB_SECONDS_PER_GIB_HOUR
        return f"{gib_hours:,.0f} GiB hours" if gib_hours >= 1000 else f"{gib_hours:,.4g} GiB hours"
    if meter != "cpu_milliseconds":
        return f"{number:,} {meter}"
    seconds = number / 1000
    return f"{seconds:,.0f} CPU seconds" if seconds >= 1000 or seconds == int(seconds) else f"{seconds:,.1f} CPU seconds"


def commit(text: str | None) -> str:
    return text[:12] if text else ""


FILTERS = {
    "age": age, "exact": exact, "clock_time": clock_time, "minute": minute, "day": day, "last_day": last_day,
    "money": money, "count": count, "size": size, "commit": commit,
}  # fmt: skip


def meter_name(meter: str) -> str:
    return METER_NAMES.get(meter, meter.replace("_", " "))


def storage(line: dict[str, Any]) -> list[str]:
    """What a line of a bill has of storage: `databases 1.5 GiB hours`."""
    fields = {meter: "".join([meter.split("_")[0], "MibSeconds"]) for meter in METER_NAMES if meter.endswith("_mib_seconds")}
    return [f"{METER_NAMES[meter]} {quantity(meter, line[field])}" for meter, field in fields.items() if line[field]]


FUNCTIONS = {
    "duration": duration,
    "quantity": quantity,
    "meter_name": meter_name,
    "storage": storage,
    "log_parts": log_parts,
    "compare_url": compare_url,
}
