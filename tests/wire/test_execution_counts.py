"""Counts of executions, as they travel from functions to gateways."""

import pytest

from functions.wire.execution_counts import BUCKETS, ExecutionCounts, MalformedCounts


def counts_of(*executions: tuple[str, str, float, bool]) -> ExecutionCounts:
    counts = ExecutionCounts()
    for function, outcome, seconds, is_cold in executions:
        counts.record(function, outcome, seconds, is_cold=is_cold)
    return counts


def test_an_execution_is_in_the_bucket_whose_bound_it_does_not_exceed() -> None:
    counts = counts_of(*(("auth.login", "done", seconds, False) for seconds in (0.0, BUCKETS[0], BUCKETS[1], BUCKETS[-1] + 1)))
    [(_, login)] = counts
    assert login.buckets == [2, 1, *[0] * (len(BUCKETS) - 2), 1]


def test_counts_travel_and_add_up() -> None:
    first = counts_of(("auth.login", "done", 0.2, True), ("auth.login", "retried", 0.2, False))
    first.add(ExecutionCounts.from_json(counts_of(("auth.login", "done", 1.0, False), ("auth.me", "dead", 3.0, True)).to_json()))
    found = dict(first)
    assert found["auth.login"].outcomes == {"done": 2, "retried": 1} and found["auth.login"].seconds == pytest.approx(1.4)
    assert found["auth.login"].cold_starts == 1 and sum(found["auth.login"].buckets) == 3
    assert found["auth.me"].outcomes == {"dead": 1} and found["auth.me"].cold_starts == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"auth.me": 3}',
        b'{"auth.me": {"outcomes": {"done": 1}, "buckets": [1], "seconds": 1, "coldStarts": 0}}',
        b'{"auth.me": {"outcomes": {"done": -1}, "buckets": [0,0,0,0,0,0,0,0,0,0,0,-1], "seconds": 1, "coldStarts": 0}}',
        b'{"auth.me": {"outcomes": {"odd": 1}, "buckets": [0,0,0,0,0,0,0,0,0,0,0,1], "seconds": 1, "coldStarts": 0}}',
        b'{"auth.me": {"outcomes": {"done": 2}, "buckets": [0,0,0,0,0,0,0,0,0,0,0,1], "seconds": 1, "coldStarts": 0}}',
        b'{"auth.me": {"outcomes": {"done": 1}, "buckets": [0,0,0,0,0,0,0,0,0,0,0,1], "seconds": "inf", "coldStarts": 0}}',
        b'{"auth.me": {"outcomes": {"done": 1}, "buckets": [0,0,0,0,0,0,0,0,0,0,0,1], "seconds": 1e300, "coldStarts": 0}}',
    ],
)
def test_malformed_counts_are_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(MalformedCounts):
        ExecutionCounts.from_json(body)
