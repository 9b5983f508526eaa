"""Buckets of request durations: OpenTelemetry's exponential histogram at a fixed scale.

Bucket i holds durations above 2^(i/16) ms and up to 2^((i+1)/16) ms. Histograms of seconds, pods and machines merge by
adding counts, and a quantile of the sum is exact to 2.2 %. Quantiles themselves cannot be merged.

Source: OpenTelemetry metrics data model, "ExponentialHistogram".
"""

import math

SCALE = 4
"""2^SCALE buckets for each doubling."""

FIRST_BUCKET, LAST_BUCKET = -10 << SCALE, 25 << SCALE
"""One microsecond, nine hours."""


def bucket_of(milliseconds: float) -> int:
    """Return the bucket of a duration. Shorter and longer ones go to the first and the last bucket."""
    if milliseconds <= 0:
        return FIRST_BUCKET
    return min(max(math.ceil(math.log2(milliseconds) * (1 << SCALE)) - 1, FIRST_BUCKET), LAST_BUCKET)
