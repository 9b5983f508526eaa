"""The bars of a timeline: when each function began and how long it took, as SVG that the server draws."""

from collections.abc import Sequence

from functions.edge.dashboard.api import Json
from functions.edge.dashboard.formats import parse_time

WIDTH = 200.0
"""Of the drawing area, in user units."""
MIN_BAR = 3.0


def bars(entries: Sequence[Json]) -> list[Json]:
    """Return the entries, each with `x` and `width` of its bar, and `offsetSeconds` after the first one."""
    begins = [parse_time(each["at"]).timestamp() for each in entries]
    ends = [begin + each["durationMs"] / 1000 for begin, each in zip(begins, entries, strict=True)]
    first, length = min(begins, default=0.0), max(ends, default=0.0) - min(begins, default=0.0)
    return [
        {**each, "offsetSeconds": begin - first, **_bar(begin - first, end - begin, length)}
        for each, begin, end in zip(entries, begins, ends, strict=True)
    ]


def _bar(offset: float, duration: float, length: float) -> dict[str, float]:
    return {"x": round(_share(offset, length) * (WIDTH - MIN_BAR), 1), "width": round(max(MIN_BAR, _share(duration, length) * WIDTH), 1)}


def _share(seconds: float, length: float) -> float:
    return seconds / length if length > 0 else 0.0
