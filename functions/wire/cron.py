"""Cron schedules as PingSources and CronJobs read them: robfig/cron 3.0.1 with optional seconds, and its rules of daylight saving time.

Six fields (second, minute, hour, day of the month, month, day of the week), five without seconds, or a descriptor, after
an optional `CRON_TZ=zone` or `TZ=zone`. `?` is `*`. A day must match both day fields if one of them is `*`, and otherwise one of them. The hours are
walked on the absolute clock: an hour that the autumn repeats matches twice, one that the spring leaves out does not match.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DESCRIPTORS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
MONTHS = {name: number for number, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)}
DAYS = {name: number for number, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
FIELDS: tuple[tuple[str, int, int, Mapping[str, int]], ...] = (
    ("second", 0, 59, {}), ("minute", 0, 59, {}), ("hour", 0, 23, {}), ("day of the month", 1, 31, {}), ("month", 1, 12, MONTHS),
    ("day of the week", 0, 6, DAYS),
)  # fmt: skip
MAX_INT = 2**63 - 1
MAX_YEARS = 5
"""A schedule without a tick within so many years has none."""


class InvalidSchedule(ValueError):
    """The message says which part is wrong."""


@dataclass(frozen=True, slots=True)
class Schedule:
    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    is_any_day: bool
    is_any_weekday: bool
    zone: ZoneInfo | None
    """None: UTC."""

    @classmethod
    def parse(cls, text: str, zone: str = "") -> Self:
        """`zone`: of the PingSource's field; a schedule then has none of its own. Raises InvalidSchedule."""
        text = text.strip()
        if "@every" in text:
            raise InvalidSchedule("unsupported descriptor @every")
        if not zone and (match := re.match(r"(?:CRON_)?TZ=(\S*)\s+", text)):
            zone, text = match[1], text[match.end() :].strip()
        if text.startswith("@") and text not in DESCRIPTORS:
            raise InvalidSchedule(f"unrecognized descriptor: {text}")
        fields = DESCRIPTORS.get(text, text).split()
        if len(fields) == len(FIELDS) - 1:
            fields.insert(0, "0")
        if len(fields) != len(FIELDS):
            raise InvalidSchedule(f"expected 5 to 6 fields, found {len(fields)}: {text}")
        parsed = [_field(field, *bounds) for field, bounds in zip(fields, FIELDS, strict=True)]
        (seconds, _), (minutes, _), (hours, _), (days, is_any_day), (months, _), (weekdays, is_any_weekday) = parsed
        return cls(seconds, minutes, hours, days, months, weekdays, is_any_day, is_any_weekday, zone_of(zone))

    def next(self, after: datetime) -> datetime | None:
        """Return the first tick after a time, in UTC. None: there is none within MAX_YEARS."""
        zone: tzinfo = self.zone or UTC
        start = after.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        local = start.astimezone(zone)
        last_year = local.year + MAX_YEARS
        if not (self.seconds and self.minutes and self.hours):
            return None
        while local.year <= last_year:
            if local.month not in self.months:
                local = _midnight(_first_of_next_month(local), zone)
            elif not self._has_day(local):
                local = _midnight(datetime(local.year, local.month, local.day) + timedelta(days=1), zone)
            elif local.hour not in self.hours:
                local = (local.astimezone(UTC) + timedelta(seconds=3600 - 60 * local.minute - local.second)).astimezone(zone)
            elif local.minute not in self.minutes:
                local = (local.astimezone(UTC) + timedelta(seconds=60 - local.second)).astimezone(zone)
            elif local.second not in self.seconds:
                local = (local.astimezone(UTC) + timedelta(seconds=1)).astimezone(zone)
            else:
                return local.astimezone(UTC)
        return None

    def _has_day(self, local: datetime) -> bool:
        in_month, in_week = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        return (in_month and in_week) if self.is_any_day or self.is_any_weekday else (in_month or in_week)


def _field(text: str, name: str, low: int, high: int, names: Mapping[str, int]) -> tuple[frozenset[int], bool]:
    """Return the numbers of a field, and whether it is `*`. A field of commas has none: the schedule has no ticks."""
    parts = [_range(part, name, low, high, names) for part in text.split(",") if part]
    return frozenset().union(*(numbers for numbers, _ in parts)), any(is_any for _, is_any in parts)


def _range(text: str, name: str, low: int, high: int, names: Mapping[str, int]) -> tuple[frozenset[int], bool]:
    span, *steps = text.split("/")
    first, *lasts = span.split("-")
    is_any = first in ("*", "?")  # then the library does not read what follows a hyphen
    if len(steps) > 1 or (len(lasts) > 1 and not is_any):
        raise InvalidSchedule(f"too many slashes or hyphens in the field {name}: {text}")
    step = _number(steps[0], name, {}) if steps else 1
    start = low if is_any else _number(first, name, names)
    end = high if is_any or (steps and not lasts) else _number(lasts[0], name, names) if lasts else start
    if step == 0:
        raise InvalidSchedule(f"step of range should be a positive number: {text}")
    if start < low or end > high or start > end:
        raise InvalidSchedule(f"the field {name} is outside of {low}-{high}, or its range ends before it begins: {text}")
    return frozenset(range(start, end + 1, step)), is_any and step == 1


def _number(text: str, name: str, names: Mapping[str, int]) -> int:
    if (named := names.get(text.lower())) is not None:
        return named
    """As Go's strconv.Atoi, without negative numbers: the hyphen separates a range."""
    if not re.fullmatch(r"\+?[0-9]{1,4000}", text) or int(text) > MAX_INT:
        raise InvalidSchedule(f'the field {name} has "{text[:80]}", which is no number')
    return int(text)


def zone_of(name: str) -> ZoneInfo | None:
    """None: UTC, as the names "", "UTC" and "Local" mean in the container of a PingSource (Go, time.LoadLocation). Raises InvalidSchedule."""
    try:
        return None if name in ("", "UTC", "Local") else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidSchedule(f'time zone "{name}" is unknown') from error


def _first_of_next_month(local: datetime) -> datetime:
    return datetime(local.year + local.month // 12, local.month % 12 + 1, 1)


def _midnight(date: datetime, zone: tzinfo) -> datetime:
    """Return the beginning of a day. Where the clock leaves midnight out, the day begins an hour later."""
    return date.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
