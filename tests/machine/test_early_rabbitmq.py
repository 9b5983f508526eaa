"""RabbitMQ is launched before the rest of `up` is imported, where nothing has to be checked or made first."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from knative.machine import leftovers, processes
from knative.machine import up as task
from knative.machine.early_rabbitmq import launch_early, may_start_beside
from knative.machine.held_front import held_front
from knative.machine.home import Home, Ports
from knative.machine.problems import Problem
from knative.machine.progress import Progress
from knative.machine.rabbitmq import RabbitMQ
from knative.machine.state_lock import lock

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """An installation that has served."""
    home = Home(tmp_path, Ports(), dict(os.environ))
    home.create()
    (tmp_path / "knative").mkdir()
    (tmp_path / "knative" / "store.db").touch()
    yield home
    processes.terminate(leftovers.find_leftovers(home), timeout_seconds=0)


@pytest.fixture(autouse=True)
def launches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A process in place of RabbitMQ."""
    found: list[str] = []

    def launch(self: RabbitMQ) -> None:
        found.append(self.name)
        processes.start(self.home, self.name, SLEEPER)

    monkeypatch.setattr(RabbitMQ, "launch", launch)
    return found


def test_it_is_launched_once_and_up_continues_with_it(home: Home, launches: list[str]) -> None:
    assert launch_early(home)
    assert not launch_early(home)
    assert task.launch_rabbitmq(home), "Knative starts beside it"
    assert launches == ["rabbitmq"]


def test_it_is_not_launched_where_up_must_do_something_first(home: Home, launches: list[str]) -> None:
    others = [{"CAPSULE_TLS": "on"}, {"CAPSULE_TLS": "perhaps"}, {"CAPSULE_AMQP_URL": "amqp://elsewhere"}]
    assert not any(launch_early(Home(home.path, home.ports, {**home.environment, **each})) for each in others)
    with lock(home):
        assert not launch_early(home), "another command goes first"
    held_front(home).touch()
    assert not launch_early(home), "an `up` before was interrupted, before it had applied Secrets"
    held_front(home).unlink()
    home.restoring.touch()
    assert not launch_early(home)
    home.restoring.unlink()
    processes.start(home, "knative", SLEEPER)
    assert not launch_early(home) and not may_start_beside(home)
    assert launches == []


def test_what_up_refuses_to_start_is_stopped(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(home: Home, progress: Progress) -> None:
        raise Problem("no", "yes")

    monkeypatch.setattr(task, "check", refuse)
    progress = Progress(Console(file=(home.path / "out").open("w")))
    processes.start(home, "rabbitmq", SLEEPER)
    with pytest.raises(Problem):
        task.up(home, progress)
    assert RabbitMQ(home).is_running(), "it ran before"
    with pytest.raises(Problem):
        task.up(home, progress, is_launched=True)
    assert not RabbitMQ(home).is_running()
