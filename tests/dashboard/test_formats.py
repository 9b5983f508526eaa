"""Times as pages say them."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.edge.dashboard.formats import age, last_day

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"), (-4, "just now"), (4, "just now"), (5, "5 s ago"), (-5, "in 5 s"), (3599, "59 min ago"), (-3600, "in 1 h"),
        (-15 * 3600, "in 15 h"), (86400, "1 d ago"), (-86400 * 40, "2027-01-09"), (86400 * 40, "2026-10-21"),
    ],
)  # fmt: skip
def test_a_time_is_said_relative_to_now_in_either_direction(seconds: int, text: str) -> None:
    assert age((NOW - timedelta(seconds=seconds)).isoformat(), NOW) == text


def test_no_time_is_a_dash() -> None:
    assert age(None) == age("") == "–"


def test_a_period_is_shown_with_its_last_day() -> None:
    assert last_day("2026-12-30T00:00:00Z") == "2026-12-29" and last_day(None) == "–"
