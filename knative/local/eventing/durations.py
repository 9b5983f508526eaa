"""Durations counted in buckets that can be added up: OpenTelemetry's exponential histogram at a fixed scale.

Bucket i holds what is over 2^(i/16) ms and at most 2^((i+1)/16) ms. Histograms of seconds, pods and machines are merged by adding counts, and a
quantile is read from the sum, within 2.2 %; quantiles themselves are never averaged.
"""

import math

SCALE = 4
"""Buckets to a doubling: 2^SCALE."""

SHORTEST, LONGEST = -10 << SCALE, 25 << SCALE
"""From a microsecond to nine hours."""


def bucket_of(milliseconds: float) -> int:
    if milliseconds <= 0:
        return SHORTEST
    return min(max(math.ceil(math.log2(milliseconds) * (1 << SCALE)) - 1, SHORTEST), LONGEST)
