"""The rules of Jobs, without clock, store or processes."""

import pytest

from knative.local.jobs.decision import BACKOFF, DEADLINE, REACHED, Finish, JobState, Start, Suspend, Wait, decide


@pytest.mark.parametrize(
    ("spec", "state", "step"),
    [
        ({}, JobState(100, 100), Start()),
        ({}, JobState(100, 100, active=1), Wait()),
        ({}, JobState(100, 100, succeeded=1), Finish(True, *REACHED)),
        ({"backoffLimit": 0}, JobState(100, 99, failed=1, last_failure_at=99), Finish(False, *BACKOFF)),
        ({"backoffLimit": 2}, JobState(100, 99, failed=1, last_failure_at=99.5), Wait(0.5)),
        ({"backoffLimit": 2}, JobState(102, 99, failed=2, last_failure_at=99.5), Start()),
        ({"backoffLimit": 2}, JobState(102, 99, failed=3, last_failure_at=99.5), Finish(False, *BACKOFF)),
        ({"activeDeadlineSeconds": 10}, JobState(105, 100, active=1), Wait(5)),
        ({"activeDeadlineSeconds": 10}, JobState(110, 100, active=1), Finish(False, *DEADLINE)),
        ({"activeDeadlineSeconds": 10}, JobState(111, 100, succeeded=1), Finish(True, *REACHED)),
        ({"suspend": True}, JobState(100, 100, active=1), Suspend()),
        ({"completions": 3, "parallelism": 2}, JobState(100, 100, active=1, succeeded=1), Start()),
        ({"completions": 3, "parallelism": 2}, JobState(100, 100, active=1, succeeded=2), Wait()),
        ({"activeDeadlineSeconds": 1.5, "backoffLimit": 5}, JobState(101, 100, failed=2, last_failure_at=100.5), Wait(0.5)),
    ],
)
def test_next_step(spec: dict[str, object], state: JobState, step: object) -> None:
    assert decide(spec, state) == step
