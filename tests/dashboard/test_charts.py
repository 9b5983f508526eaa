"""Charts and formats."""

import pytest

from functions.edge.dashboard.charts import line_chart, nice_top
from functions.edge.dashboard.formats import money, quantity, size


@pytest.mark.parametrize(("highest", "top"), [(0, 1), (0.03, 0.05), (1, 1), (1.1, 2), (7, 10), (10, 10), (11, 20), (480, 500), (501, 1000)])
def test_the_axis_ends_at_a_round_number(highest: float, top: float) -> None:
    assert nice_top(highest) == pytest.approx(top)


def test_a_gap_in_the_measurements_is_a_gap_in_the_line() -> None:
    points = [{"at": f"2026-11-29T09:0{minute}:00Z", "value": value} for minute, value in enumerate([1, 2, None, 4, None, 2, 3])]
    chart = line_chart("Memory", "MiB", points, [], {"memory": lambda point: point["value"]})
    (series,) = chart.series
    assert len(series.paths) == 2 and len(series.dots) == 1
    assert [texts for _, texts in chart.rows] == [["1"], ["2"], ["4"], ["2"], ["3"]]
    assert not chart.is_empty


def test_a_chart_without_points_is_empty_and_markers_outside_are_left_out() -> None:
    marker = {"at": "2026-11-28T09:00:00Z", "kind": "deployed", "environment": "staging"}
    assert line_chart("CPU", "s", [], [marker], {"cpu": lambda point: point["cpu"]}).is_empty
    point = {"at": "2026-11-29T09:00:00Z", "cpu": 1}
    assert line_chart("CPU", "s", [point, {**point, "at": "2026-11-29T09:01:00Z"}], [marker], {"cpu": lambda point: point["cpu"]}).markers == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (money({"amount": 123456, "currency": "EUR"}), "1,234.56 EUR"),
        (money({"amount": -50, "currency": "JPY"}), "-50 JPY"),
        (quantity("cpu_milliseconds", 1500), "1.5 CPU seconds"),
        (quantity("cpu_milliseconds", 3_600_000), "3,600 CPU seconds"),
        (quantity("requests", 1200), "1,200 requests"),
        (size(1536), "1.5 KiB"),
        (size(None), "–"),
    ],
)
def test_amounts_read_well(text: str, expected: str) -> None:
    assert text == expected
