"""A Job's rule, without a clock, a store or a process."""

import pytest

from knative.local.jobs.decision import BACKOFF, DEADLINE, REACHED, Facts, Finish, Start, Suspend, Wait, decide


@pytest.mark.parametrize(
    ("spec", "facts", "step"),
    [
        ({}, Facts(100, 100), Start()),
        ({}, Facts(100, 100, active=1), Wait()),
        ({}, Facts(100, 100, succeeded=1), Finish(True, *REACHED)),
        ({"backoffLimit": 0}, Facts(100, 99, failed=1, last_failure=99), Finish(False, *BACKOFF)),
        ({"backoffLimit": 2}, Facts(100, 99, failed=1, last_failure=99.5), Wait(0.5)),
        ({"backoffLimit": 2}, Facts(102, 99, failed=2, last_failure=99.5), Start()),
        ({"backoffLimit": 2}, Facts(102, 99, failed=3, last_failure=99.5), Finish(False, *BACKOFF)),
        ({"activeDeadlineSeconds": 10}, Facts(105, 100, active=1), Wait(5)),
        ({"activeDeadlineSeconds": 10}, Facts(110, 100, active=1), Finish(False, *DEADLINE)),
        ({"activeDeadlineSeconds": 10}, Facts(111, 100, succeeded=1), Finish(True, *REACHED)),
        ({"suspend": True}, Facts(100, 100, active=1), Suspend()),
        ({"completions": 3, "parallelism": 2}, Facts(100, 100, active=1, succeeded=1), Start()),
        ({"completions": 3, "parallelism": 2}, Facts(100, 100, active=1, succeeded=2), Wait()),
        ({"activeDeadlineSeconds": 1.5, "backoffLimit": 5}, Facts(101, 100, failed=2, last_failure=100.5), Wait(0.5)),
    ],
)
def test_step(spec: dict[str, object], facts: Facts, step: object) -> None:
    assert decide(spec, facts) == step
