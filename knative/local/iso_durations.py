"""ISO 8601 durations, as Knative's API writes them (`PT0.3S`, `P1DT2H`)."""

import re

_DURATION = re.compile(
    r"P(?:(\d+(?:[.,]\d+)?)Y)?(?:(\d+(?:[.,]\d+)?)M)?(?:(\d+(?:[.,]\d+)?)W)?(?:(\d+(?:[.,]\d+)?)D)?"
    r"(?:T(?:(\d+(?:[.,]\d+)?)H)?(?:(\d+(?:[.,]\d+)?)M)?(?:(\d+(?:[.,]\d+)?)S)?)?"
)
_UNIT_SECONDS = (31_556_952, 2_629_746, 604_800, 86_400, 3_600, 60, 1)


def parse(text: str) -> list[tuple[float, int]]:
    """Return (number, seconds of its unit) for each part of a duration. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None or text.endswith(("P", "T")):
        raise ValueError(f'"{text}" is not an ISO 8601 duration such as PT0.5S')
    parts = zip(match.groups(), _UNIT_SECONDS, strict=True)
    return [(float(number.replace(",", ".")), unit) for number, unit in parts if number is not None]


def seconds(text: str) -> float:
    """Raises ValueError."""
    return sum(number * unit for number, unit in parse(text))
