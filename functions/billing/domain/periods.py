"""Billing periods: months counted from the day a subscription is anchored to, as payment providers count them."""

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Period:
    """From (inclusive) to (exclusive), at midnight UTC."""

    begin: datetime
    end: datetime

    @classmethod
    def containing(cls, moment: datetime, anchor: datetime) -> "Period":
        """The month of this anchor in which `moment` falls. An anchor on the 31st means the last day of shorter months, and the 31st again after."""
        if moment < anchor:
            raise ValueError(f"{moment} lies before the first period, which begins on {anchor}")
        months = (moment.year - anchor.year) * 12 + moment.month - anchor.month
        if _months_after(anchor, months) > moment:
            months -= 1
        return cls(_months_after(anchor, months), _months_after(anchor, months + 1))


def anchor_of(moment: datetime) -> datetime:
    """Subscriptions are anchored to a whole UTC day, so that no hour of use is torn between two periods."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _months_after(anchor: datetime, months: int) -> datetime:
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    day = min(anchor.day, calendar.monthrange(year, month + 1)[1])
    return anchor.replace(year=year, month=month + 1, day=day)
