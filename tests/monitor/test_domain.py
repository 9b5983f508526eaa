"""What comes in is bounded; whose it is; figures in steps."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from functions.kernel import Caller
from functions.monitor.domain.applications import Application
from functions.monitor.domain.intake import CUT, LONGEST, bounded, plausible
from functions.monitor.domain.labels import Workload, is_platform, workload_of
from functions.monitor.domain.rejections import BadRange
from functions.monitor.domain.requests import Range, Tally, Window, measured, points, summed

NOW = datetime(2026, 5, 20, 10, 30, tzinfo=UTC)
APP = UUID(int=10)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("line", "kept"),
    [("hello\r\n", "hello"), ("a\x00b", "a\ufffdb"), ("  indented", "  indented"), ("", ""), ("naïve 漢", "naïve 漢")],
)
def test_a_line_is_text_that_a_database_can_hold(line: str, kept: str) -> None:
    assert bounded(line) == kept


def test_a_lone_surrogate_does_not_survive() -> None:
    bounded("a\ud800b").encode("utf-8")


@pytest.mark.parametrize("character", ["x", "漢"])
def test_a_long_line_is_cut_at_a_character_and_says_so(character: str) -> None:
    kept = bounded(character * LONGEST)
    if character == "x":
        assert kept == character * LONGEST
        kept = bounded(character * (LONGEST + 1))
    assert kept.endswith(CUT) and set(kept.removesuffix(CUT)) == {character}
    assert len(kept.removesuffix(CUT).encode()) <= LONGEST


def test_a_time_is_never_in_the_future_and_has_a_zone() -> None:
    assert plausible(NOW + timedelta(days=900), NOW) == NOW
    assert plausible(NOW - MINUTE, NOW) == NOW - MINUTE
    assert plausible(datetime(2026, 5, 20, 10), NOW) == datetime(2026, 5, 20, 10, tzinfo=UTC)


def test_labels_say_whose_a_pod_is() -> None:
    labels = {"capsule.dev/application": str(APP), "capsule.dev/environment": "staging", "capsule.dev/component": "build"}
    assert workload_of(labels) == Workload(APP, "staging", None, "build")
    assert workload_of({**labels, "capsule.dev/deployment": "nonsense", "capsule.dev/component": "other"}) == Workload(APP, "staging", None, "run")
    assert workload_of({"capsule.dev/application": "nonsense"}) is None
    assert workload_of({}) is None


def test_only_the_platforms_own_pods_write_timelines() -> None:
    assert is_platform("capsule", {"capsule.dev/collect": "true"})
    assert not is_platform("capsule", {"capsule.dev/application": str(APP)})
    assert not is_platform("app-shop", {})


def test_an_owner_and_an_admin_read_and_nobody_else() -> None:
    application = Application(APP, UUID(int=1), "shop")
    assert application.readable_by(Caller(UUID(int=1)))
    assert application.readable_by(Caller(UUID(int=2), frozenset({"admin"})))
    assert not application.readable_by(Caller(UUID(int=2)))


def window(begin: datetime, requests: int, status: int = 200, environment: str = "staging", revision: str = "r1") -> Window:
    return Window(begin, begin + timedelta(seconds=1), APP, environment, revision, status, requests, requests * 10.0)


def test_use_adds_all_statuses_and_revisions_of_a_window() -> None:
    uses = measured(
        [window(NOW, 3), window(NOW, 2, 500), window(NOW, 1, revision="r2"), window(NOW, 5, environment="production"), window(NOW + MINUTE, 0)]
    )
    assert {(use.environment, use.requests) for use in uses} == {("staging", 6), ("production", 5)}
    assert len({use.id for use in uses}) == 2


def test_points_have_no_gaps_and_means_are_of_requests_not_of_windows() -> None:
    over = Range(NOW, NOW + timedelta(seconds=150), MINUTE)
    tallies = [Tally(NOW, 2, 3, 30.0), Tally(NOW, 5, 1, 210.0), Tally(NOW + 2 * MINUTE, 2, 1, 7.0)]
    first, second, third = points(over, tallies)
    assert (first.requests, dict(first.by_class), first.mean_ms) == (4, {2: 3, 5: 1}, 60.0)
    assert (second.at, second.requests, second.mean_ms) == (NOW + MINUTE, 0, None)
    assert third.requests == 1
    total = summed(NOW, tallies)
    assert (total.requests, total.mean_ms) == (5, pytest.approx(247 / 5))


@pytest.mark.parametrize(("length", "step"), [(timedelta(0), MINUTE), (-MINUTE, MINUTE), (timedelta(seconds=1501), timedelta(seconds=1))])
def test_a_range_goes_forward_and_is_bounded(length: timedelta, step: timedelta) -> None:
    with pytest.raises(BadRange):
        Range(NOW, NOW + length, step)
