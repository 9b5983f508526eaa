"""What comes in is bounded; whose it is; figures in steps; what readers look for."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from functions.monitor.domain.durations import quantile
from functions.monitor.domain.labels import PLATFORM_ID, Workload, is_platform, workload_of
from functions.monitor.domain.logs import StoredLine, first_within, last_within
from functions.monitor.domain.metrics import Level, Range, points, total
from functions.monitor.domain.rejections import BadRange, BadSearch
from functions.monitor.domain.requests import Tally, Window
from functions.monitor.domain.resources import ResourceTally, ResourceWindow, floor
from functions.monitor.domain.sanitizing import bounded, plausible
from functions.monitor.domain.search import Condition, Terms, conditions
from functions.monitor.domain.usage import usage_of_cpu, usage_of_requests
from knative.collector.duration_buckets import bucket_of

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


def test_a_time_is_never_in_the_future_and_has_a_zone() -> None:
    assert plausible(NOW + timedelta(days=900), NOW) == NOW
    assert plausible(NOW - MINUTE, NOW) == NOW - MINUTE
    assert plausible(datetime(2026, 5, 20, 10), NOW) == datetime(2026, 5, 20, 10, tzinfo=UTC)


def test_labels_say_whose_a_pod_is() -> None:
    labels = {"capsule.dev/application": str(APP), "capsule.dev/environment": "staging", "capsule.dev/component": "build"}
    assert workload_of(labels) == Workload(APP, "staging", None, "build", "build")
    assert workload_of({**labels, "capsule.dev/deployment": "nonsense", "capsule.dev/component": "other"}) == Workload(
        APP, "staging", None, "run", "other"
    )
    for component in ("run", "cron", "process", "release"):
        workload = workload_of({**labels, "capsule.dev/component": component})
        assert workload is not None and workload.component == "run", "its CPU is billed as that of web instances"
    worker = {**labels, "capsule.dev/component": "process", "capsule.dev/process": "worker"}
    assert workload_of(worker) == Workload(APP, "staging", None, "run", "worker")
    assert workload_of({"capsule.dev/application": "nonsense"}) is None
    assert workload_of({}) is None
    assert workload_of({"capsule.dev/application": str(PLATFORM_ID)}) is None


def test_only_the_platforms_own_pods_write_timelines() -> None:
    assert is_platform("capsule", {"capsule.dev/collect": "true"})
    assert not is_platform("capsule", {"capsule.dev/application": str(APP)})
    assert not is_platform("app-shop", {})


def window(begin: datetime, requests: int, status: int = 200, environment: str = "staging", revision: str = "r1") -> Window:
    return Window(begin, begin + timedelta(seconds=1), APP, environment, revision, status, requests, requests * 10.0)


def resource(begin: datetime, end: datetime, cpu: float, environment: str = "staging", component: str = "run") -> ResourceWindow:
    return ResourceWindow(begin, end, APP, environment, component, "shop", "p1", cpu, 2000, 1000)


def test_use_adds_all_statuses_and_revisions_of_a_window() -> None:
    uses = usage_of_requests(
        [window(NOW, 3), window(NOW, 2, 500), window(NOW, 1, revision="r2"), window(NOW, 5, environment="production"), window(NOW + MINUTE, 0)]
    )
    assert {(use.environment, use.requests, use.cpu_milliseconds) for use in uses} == {("staging", 6, 0), ("production", 5, 0)}
    assert len({use.id for use in uses}) == 2


def test_the_cpu_of_running_instances_is_use_and_that_of_builds_is_not() -> None:
    (use,) = usage_of_cpu(
        [
            resource(NOW, NOW + MINUTE, 100.4),
            resource(NOW - MINUTE, NOW, 50.2),
            resource(NOW, NOW + MINUTE, 9999, component="build"),
            resource(NOW, NOW + MINUTE, 0.3, "production"),
        ]
    )
    assert (use.environment, use.cpu_milliseconds, use.requests, use.begin, use.end) == ("staging", 151, 0, NOW - MINUTE, NOW + MINUTE)


@pytest.mark.parametrize(("begin", "minutes", "parts"), [(0.0, 1.0, 1), (0.5, 1.0, 2), (0.25, 10.0, 11), (0.0, 0.0, 1), (0.0, 600.0, 360)])
def test_a_windows_resources_are_spread_over_its_minutes_and_none_is_lost(begin: float, minutes: float, parts: int) -> None:
    whole = resource(NOW + begin * MINUTE, NOW + (begin + minutes) * MINUTE, 600)
    spread = list(whole.by_minute())
    assert len(spread) == parts and sum(part.cpu_ms for part in spread) == pytest.approx(600)
    assert spread[-1].end == whole.end and all(first.end == second.begin for first, second in pairwise(spread))
    assert all(floor(part.begin, MINUTE) >= part.end - MINUTE for part in spread)
    assert {(part.memory_max, part.memory_mean) for part in spread} == {(2000, 1000)}


def test_points_have_no_gaps_and_are_of_requests_not_of_windows() -> None:
    over = Range(NOW, NOW + timedelta(seconds=150), MINUTE)
    slow = bucket_of(210.0)
    tallies = [
        Tally(NOW, "staging", 2, 3, 30.0, {bucket_of(10.0): 3}),
        Tally(NOW, "production", 5, 1, 210.0, {slow: 1}),
        Tally(NOW + 2 * MINUTE, "staging", 2, 1, 7.0),
    ]
    used = [ResourceTally(NOW, "staging", 500.0, 4000, 60_000.0, 60.0), ResourceTally(NOW, "production", 100.0, 9000, 90_000.0, 30.0)]
    first, second, third = points(over, tallies, used)
    assert (first.requests, dict(first.by_class), first.mean_ms, first.error_rate) == (4, {2: 3, 5: 1}, 60.0, 0.25)
    assert first.latency_ms(0.5) == pytest.approx(10, rel=0.03) and first.latency_ms(1.0) == pytest.approx(210, rel=0.03)
    assert (first.cpu_ms, first.memory_max, first.memory_mean) == (600.0, 9000, pytest.approx(150_000 / 90))
    assert (second.at, second.requests, second.mean_ms, second.error_rate) == (NOW + MINUTE, 0, None, None)
    assert (second.cpu_ms, second.memory_max, second.memory_mean) == (0.0, None, None)
    assert third.requests == 1 and third.latency_ms(0.5) is None
    whole = total(NOW, tallies, used)
    assert (whole.requests, whole.mean_ms) == (5, pytest.approx(247 / 5))


@pytest.mark.parametrize(
    ("length", "step"),
    [(timedelta(0), MINUTE), (-MINUTE, MINUTE), (timedelta(seconds=1501), timedelta(seconds=1)), (MINUTE, timedelta(seconds=90))],
)
def test_a_range_goes_forward_and_is_bounded(length: timedelta, step: timedelta) -> None:
    with pytest.raises(BadRange):
        Range(NOW, NOW + length, step)


@pytest.mark.parametrize(
    ("step", "level", "begin"),
    [
        (timedelta(seconds=20), Level.RAW, "10:17:20"),
        (MINUTE, Level.MINUTES, "10:17:00"),
        (15 * MINUTE, Level.MINUTES, "10:15:00"),
        (timedelta(hours=1), Level.HOURS, "10:00:00"),
        (timedelta(minutes=90), Level.MINUTES, "09:00:00"),
        (timedelta(hours=6), Level.HOURS, "06:00:00"),
    ],
)
def test_steps_are_the_same_for_everybody_and_read_the_coarsest_rows(step: timedelta, level: Level, begin: str) -> None:
    over = Range.covering(NOW.replace(minute=17, second=35), NOW + timedelta(hours=8), step)
    assert over.level is level and f"{over.begin:%H:%M:%S}" == begin


def test_buckets_of_the_collector_are_those_that_are_read() -> None:
    for milliseconds in (0.002, 0.5, 1.0, 9.99, 1234.5):
        assert quantile({bucket_of(milliseconds): 1}, 0.5) == pytest.approx(milliseconds, rel=0.0225)
    assert bucket_of(0.0) == bucket_of(1e-9) and bucket_of(1e12) == bucket_of(1e11)


def test_a_search_is_read_as_it_is_meant() -> None:
    assert Terms.read('Timeout "connection  reset" -healthz -"not this" - ') == Terms(("Timeout", "connection  reset", "-"), ("healthz", "not this"))
    assert conditions("a.b=c, level!=info ,x=1=2") == (
        Condition(("a", "b"), "c"),
        Condition(("level",), "info", same=False),
        Condition(("x",), "1=2"),
    )
    for bad in ("level", "=x", "a b=1", ",".join(f"a{number}=1" for number in range(21))):
        with pytest.raises(BadSearch):
            conditions(bad)
    with pytest.raises(BadSearch):
        Terms.read("x " * 21)


@pytest.mark.parametrize("index", ["²", "٣", "9" * 5000, "-1", "7"])
def test_what_is_no_index_of_an_array_finds_nothing(index: str) -> None:
    assert not Condition(("a", index), "x").match('{"a": ["x", "x"]}')
    assert Condition(("a", "1"), "x").match('{"a": ["y", "x"]}')


def test_a_line_that_is_nested_deeply_is_searched_without_harm() -> None:
    for depth in (200, 300, 1000, 8000):
        line = '{"level":"error","a":' + "[" * depth + "]" * depth + "}"
        assert Condition(("level",), "error").match(line) is (depth < 1024)
        assert not Condition(("a",), "x").match(line)


def test_a_page_of_long_lines_is_bounded_in_bytes() -> None:
    def line(position: int) -> StoredLine:
        return StoredLine(position, NOW, "production", None, "run", "p", "c", "stdout", "x" * 100)

    lines = [line(position) for position in range(10)]
    assert [each.position for each in first_within(lines, 250)] == [0, 1]
    assert [each.position for each in last_within(lines, 250)] == [8, 9]
    assert [each.position for each in first_within(lines, 10)] == [0] and [each.position for each in last_within(lines, 10)] == [9]
    assert first_within(lines, 1000) == last_within(lines, 1000) == lines and list(last_within([], 10)) == []
