"""Billing periods: months counted from the anchor day of a subscription, as payment providers count them."""

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Period:
    """From `begin` (inclusive) to `end` (exclusive), at midnight UTC."""

    begin: datetime
    end: datetime

    @classmethod
    def containing(cls, moment: datetime, anchor: datetime) -> "Period":
        """The month of this anchor that contains `moment`. An anchor on the 31st is the last day of shorter months. Raises ValueError before it."""
        if moment < anchor:
            raise ValueError(f"{moment} is before the first period, which begins at {anchor}")
        months = (moment.year - anchor.year) * 12 + moment.month - anchor.month
        if _add_months(anchor, months) > moment:
            months -= 1
        return cls(_add_months(anchor, months), _add_months(anchor, months + 1))

    @property
    def last_day(self) -> datetime:
        """The last day inside the period."""
        return self.end - timedelta(microseconds=1)


def day_start(moment: datetime) -> datetime:
    """Midnight UTC. Subscriptions are anchored to a whole day, so that an hour of usage belongs to one period."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _add_months(anchor: datetime, months: int) -> datetime:
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    day = min(anchor.day, calendar.monthrange(year, month + 1)[1])
    return anchor.replace(year=year, month=month + 1, day=day)
