"""Histograms of request durations. Buckets are added up before a quantile is computed; quantiles are never averaged.

The buckets are those of `events.cluster.Durations`: bucket i counts durations over 2^(i/16) ms and at most 2^((i+1)/16) ms.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

PER_DOUBLING = 16

Buckets = Mapping[int, int]


def merged(histograms: Iterable[Buckets]) -> Buckets:
    total: Counter[int] = Counter()
    for histogram in histograms:
        total.update(histogram)
    return total


def quantile(buckets: Buckets, q: float) -> float | None:
    """In milliseconds, within 2.2 %: the middle of the bucket that holds the request of that rank. None of no requests."""
    total = sum(buckets.values())
    if not total:
        return None
    rank, passed = q * (total - 1), 0
    for bucket in sorted(buckets):
        passed += buckets[bucket]
        if passed > rank:
            return float(2 ** ((bucket + 0.5) / PER_DOUBLING))
    raise AssertionError("unreachable: some bucket holds the last one")
