"""How well a sample determines a median, whatever the distribution is."""

from collections.abc import Sequence
from math import floor, sqrt

Z = 3.29
"""Of the normal distribution: 99.9 %, because an interval is looked at ten times."""


def interval_of_median(sample: Sequence[float]) -> tuple[float, float]:
    """Return the confidence interval of the median by order statistics (Conover, Practical Nonparametric Statistics, section 3.2)."""
    ordered = sorted(sample)
    below = floor((len(ordered) - Z * sqrt(len(ordered))) / 2)
    if below < 1:
        raise ValueError(f"{len(ordered)} values are too few for an interval of 99.9 %.")
    return ordered[below - 1], ordered[len(ordered) - below]
