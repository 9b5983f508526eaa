"""A newer version of the one-machine Knative waits for its turn, or says why it cannot start."""

import dataclasses
from collections.abc import Iterator

import pytest

from knative.machine import processes
from knative.machine.home import Home
from knative.machine.knative_process import KNATIVE, Successor
from knative.machine.problems import Problem
from tests.servers import discard, fresh_home


@pytest.fixture
def home() -> Iterator[Home]:
    made = fresh_home()
    made.create()
    yield made
    discard(made)


def test_a_version_that_cannot_start_is_reported_before_the_former_one_ends(home: Home) -> None:
    broken = dataclasses.replace(home, environment={**home.environment, "CAPSULE_LOG_LEVEL": "loud"})
    with pytest.raises(Problem, match="the former one goes on") as raised:
        Successor(broken, {})
    assert "CAPSULE_LOG_LEVEL" in raised.value.message
    assert processes.find_running(home, KNATIVE) is None


def test_a_successor_that_nobody_waits_for_leaves_the_running_one_alone(home: Home) -> None:
    running = Successor(home, {})
    running.proceed()
    processes.wait_until_ready(home, KNATIVE, lambda: "knative.local: ready" in processes.log_tail(home, KNATIVE, 100))
    orphan = Successor(home, {})
    orphan._channel.close()  # `up` was killed
    assert processes.wait_until_ended([orphan.process], 60) == []
    assert "another one-machine Knative runs" in processes.log_tail(home, KNATIVE, 100)
    assert processes.find_running(home, KNATIVE) == running.process
