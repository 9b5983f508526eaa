"""The interval that decides when the proof of enumeration has seen enough."""

import random

import pytest

from tests.gateway.intervals import interval_of_median


def test_an_interval_has_the_median_and_shrinks_with_the_sample() -> None:
    chance = random.Random(1)
    sample = [chance.expovariate(1 / 10) - 10 * 0.693147 for _ in range(1600)]
    few, many = interval_of_median(sample[:100]), interval_of_median(sample)
    assert few[0] < 0 < few[1] and many[0] < 0 < many[1]
    assert many[1] - many[0] < (few[1] - few[0]) / 2


def test_outliers_of_a_busy_machine_do_not_widen_it() -> None:
    even = [float(number % 5) for number in range(100)]
    assert interval_of_median([*even, 9000.0, -9000.0]) == interval_of_median([*even, 90.0, -90.0])


def test_a_sample_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="10 values are too few"):
        interval_of_median([1.0] * 10)
