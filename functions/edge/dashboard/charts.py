"""Line charts as SVG, drawn by the server: no script, and a table of the same numbers beside them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.edge.dashboard.formats import minute, parse_time

WIDTH, HEIGHT = 600, 140
"""Of the drawing area, in user units."""

Point = dict[str, Any]
Value = Callable[[Point], float | None]


@dataclass(frozen=True, slots=True)
class Series:
    """`paths`: of each run of points without a gap (SVG 2, section 9.3). `dots`: points without a neighbour."""

    name: str
    paths: Sequence[str]
    dots: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Marker:
    """A deployment: where, and what."""

    x: float
    label: str
    deployment_id: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """`rows`: the table: a time, and the value of each series."""

    title: str
    unit: str
    top: str
    """The highest value of the axis."""
    series: Sequence[Series]
    markers: Sequence[Marker]
    rows: Sequence[tuple[str, Sequence[str]]]
    begin: str = ""
    end: str = ""
    """ISO 8601 times of the first and the last point; empty without points."""

    @property
    def is_empty(self) -> bool:
        return not any(series.paths or series.dots for series in self.series)


def line_chart(title: str, unit: str, points: Sequence[Point], markers: Sequence[Point], values: Mapping[str, Value]) -> Chart:
    """Draw the values of points over time. `markers`: deployments, as `MetricsView` has them."""
    times = [parse_time(point["at"]).timestamp() for point in points]
    begin, end = (times[0], times[-1]) if times else (0.0, 1.0)
    read = {name: [value(point) for point in points] for name, value in values.items()}
    top = nice_top(max((number for numbers in read.values() for number in numbers if number is not None), default=0.0))

    def x(time: float) -> float:
        return round((time - begin) / (end - begin) * WIDTH, 1) if end > begin else WIDTH / 2

    def y(number: float) -> float:
        return round(HEIGHT - number / top * HEIGHT, 1)

    series = [
        _series(name, [(x(time), None if number is None else y(number)) for time, number in zip(times, numbers, strict=True)])
        for name, numbers in read.items()
    ]
    visible_markers = [
        Marker(x(at), _label(marker), marker.get("deploymentId", ""))
        for marker in markers
        if begin <= (at := parse_time(marker["at"]).timestamp()) <= end
    ]
    rows = [(point["at"], [_text(numbers[index]) for numbers in read.values()]) for index, point in enumerate(points)]
    filled = [row for row in rows if any(text not in ("", "0") for text in row[1])]
    ends = (points[0]["at"], points[-1]["at"]) if points else ("", "")
    return Chart(title, unit, _text(top), series, visible_markers, filled, *ends)


def _label(marker: Point) -> str:
    """`11-22 12:33 staging succeeded`."""
    return f"{minute(marker['at'])} {marker['environment']} {str(marker['kind']).removeprefix('deployment-').replace('-', ' ')}"


def _series(name: str, positions: Sequence[tuple[float, float | None]]) -> Series:
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in positions:
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y))
    paths = ["M" + " L".join(f"{x} {y}" for x, y in run) for run in runs if len(run) > 1]
    return Series(name, paths, [run[0] for run in runs if len(run) == 1])


def nice_top(highest: float) -> float:
    """Return the next of 1, 2, 5, 10, 20, 50 … that is not lower."""
    if highest <= 0:
        return 1.0
    size = 1.0
    while size < highest:
        size *= 10
    while size / 10 >= highest:
        size /= 10
    return next(size * factor for factor in (0.1, 0.2, 0.5, 1.0) if size * factor >= highest)


def _text(number: float | None) -> str:
    return "" if number is None else f"{number:,.0f}" if number >= 100 or number == int(number) else f"{number:.2f}".rstrip("0").rstrip(".")
