"""`up` is killed after each of its steps, the first time on an empty folder. The next `up` continues, and in the end everything works."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.journeys.people import Person
from tests.journeys.whole import Whole
from tests.proof import proof
from tests.servers import discard, fresh_home

pytestmark = proof("recovery")

STEPS = ("Packages", "RabbitMQ", "PostgreSQL", "Migrations", "Knative", "Secrets", "Manifests", "Ready")
"""As `up` prints them when they have ended."""


@pytest.fixture
def empty() -> Iterator[Whole]:
    whole = Whole(fresh_home("capsule-interrupted-"))
    yield whole
    discard(whole.home)


def kill_up_after(whole: Whole, step: str) -> None:
    """Starts `up` and kills it as soon as it has printed this step, with what it has started left as it is."""
    task = whole.start_task("up", output=subprocess.PIPE)
    assert task.stdout is not None
    printed = []
    for line in task.stdout:
        printed.append(line.decode())
        if step in printed[-1]:
            break
    task.kill()
    task.wait()
    task.stdout.close()
    assert step in printed[-1], "".join(printed)


def test_up_continues_after_it_was_killed_at_any_step(empty: Whole) -> None:
    for step in STEPS:
        kill_up_after(empty, step)
    assert "Capsule is up" in empty.task("up")
    Person(empty, timeout_seconds=60).become_a_user()


def test_up_starts_again_after_everything_was_killed_while_it_started(empty: Whole) -> None:
    """On an empty folder: servers are killed while they create their data."""
    for step in STEPS[:5]:
        kill_up_after(empty, step)
        empty.kill_everything()
    assert "Capsule is up" in empty.task("up")
    Person(empty, timeout_seconds=60).become_a_user()
