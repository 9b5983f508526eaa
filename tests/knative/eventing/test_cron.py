"""Schedules as robfig/cron 3.0.1 reads them. The expected values follow that library's rules."""

from datetime import UTC, datetime

import pytest

from functions.wire.cron import InvalidSchedule, Schedule

BERLIN = "Europe/Berlin"
"""The clock goes forward on 2026-03-29 at 02:00 and back on 2026-10-25 at 03:00."""


def ticks(schedule: str, after: str, count: int, zone: str = "") -> list[str]:
    found, moment = [], datetime.fromisoformat(after).replace(tzinfo=UTC)
    parsed = Schedule.parse(schedule, zone)
    for _ in range(count):
        tick = parsed.next(moment)
        assert tick is not None
        moment = tick
        found.append(f"{moment:%Y-%m-%dT%H:%M:%S}")
    return found


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("* * * * *", "2026-01-01T00:00:00", ["2026-01-01T00:01:00", "2026-01-01T00:02:00"]),
        ("*/15 * * * * *", "2026-01-01T00:00:01", ["2026-01-01T00:00:15", "2026-01-01T00:00:30"]),
        ("30 * * * * ?", "2026-01-01T00:00:30", ["2026-01-01T00:01:30"]),
        ("*-5 +3 * * *", "2026-01-01T00:00:00", ["2026-01-01T03:00:00", "2026-01-01T03:01:00"]),
        ("5/20 * * * *", "2026-01-01T00:00:00", ["2026-01-01T00:05:00", "2026-01-01T00:25:00", "2026-01-01T00:45:00", "2026-01-01T01:05:00"]),
        ("0 9-17/4 * * MON-FRI", "2026-01-02T12:00:00", ["2026-01-02T13:00:00", "2026-01-02T17:00:00", "2026-01-05T09:00:00"]),
        ("0 0 1,15 * *", "2026-01-01T00:00:00", ["2026-01-15T00:00:00", "2026-02-01T00:00:00"]),
        ("0 0 13 * FRI", "2026-02-01T00:00:00", ["2026-02-06T00:00:00", "2026-02-13T00:00:00", "2026-02-20T00:00:00"]),
        ("0 0 */20 * MON", "2026-01-01T00:00:00", ["2026-01-05T00:00:00", "2026-01-12T00:00:00", "2026-01-19T00:00:00", "2026-01-21T00:00:00"]),
        ("0 0 29 2 *", "2026-01-01T00:00:00", ["2028-02-29T00:00:00"]),
        ("0 0 31 * *", "2026-01-31T00:00:00", ["2026-03-31T00:00:00"]),
        ("0 12 ? jun,DEC *", "2026-06-30T13:00:00", ["2026-12-01T12:00:00"]),
        ("@weekly", "2026-01-01T00:00:00", ["2026-01-04T00:00:00"]),
        ("@yearly", "2026-01-01T00:00:00", ["2027-01-01T00:00:00"]),
        ("CRON_TZ=Asia/Tokyo 0 6 * * *", "2026-01-01T00:00:00", ["2026-01-01T21:00:00"]),
        ("TZ=Asia/Tokyo 0 6 * * *", "2026-01-01T00:00:00", ["2026-01-01T21:00:00"]),
        ("CRON_TZ=UTC @daily", "2026-01-01T00:00:00", ["2026-01-02T00:00:00"]),
    ],
)
def test_the_ticks_of_a_schedule(schedule: str, after: str, expected: list[str]) -> None:
    assert ticks(schedule, after, len(expected)) == expected


def test_in_autumn_a_repeated_hour_ticks_twice() -> None:
    assert ticks("30 2 * * *", "2026-10-24T12:00:00", 3, BERLIN) == ["2026-10-25T00:30:00", "2026-10-25T01:30:00", "2026-10-26T01:30:00"]


def test_in_spring_an_hour_that_is_left_out_does_not_tick() -> None:
    assert ticks("30 2 * * *", "2026-03-28T00:00:00", 2, BERLIN) == ["2026-03-28T01:30:00", "2026-03-30T00:30:00"]
    assert ticks("0 * * * *", "2026-03-29T00:00:00", 2, BERLIN) == ["2026-03-29T01:00:00", "2026-03-29T02:00:00"]


def test_a_day_whose_midnight_is_left_out_still_counts() -> None:
    """Lebanon's clock goes forward at midnight."""
    assert ticks("0 12 29 3 *", "2026-01-01T00:00:00", 1, "Asia/Beirut") == ["2026-03-29T09:00:00"]


@pytest.mark.parametrize("schedule", ["0 0 31 2 *", "0 0 30 FEB ?", ", * * * *", "* , * * *", "* * , * *", "* * * , *", "* * * * ,"])
def test_an_impossible_date_never_ticks(schedule: str) -> None:
    assert Schedule.parse(schedule).next(datetime(2026, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("schedule", "zone"),
    [
        *((schedule, "") for schedule in ("", "often", "* * * *", "* * * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *")),
        *((schedule, "") for schedule in ("* * * 13 *", "* * * * 7", "* * L * *", "* * * * 5#2", "* * * * 5L", "* * 15W * *", "*/0 * * * *")),
        *((schedule, "") for schedule in ("5-1 * * * *", "1-2-3 * * * *", "1/2/3 * * * *", "-1 * * * *", "* * * * MONDAY", "a-b * * * *")),
        *((schedule, "") for schedule in ("@every 5s", "@reboot", "@Daily", "CRON_TZ=Mars/Base * * * * *", "TZ=UTC")),
        ("* * * * *", "Mars/Base"),
        ("CRON_TZ=UTC * * * * *", "Europe/Berlin"),
    ],
)
def test_other_schedules_are_refused(schedule: str, zone: str) -> None:
    with pytest.raises(InvalidSchedule):
        Schedule.parse(schedule, zone)
