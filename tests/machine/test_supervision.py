"""The supervisor starts again what has ended, unless another `up` has, and continues with the code on disk."""

import os
import sys
from pathlib import Path

import pytest
from rich.console import Console

from knative.machine import processes, supervision
from knative.machine.home import Home, Ports
from knative.machine.progress import Progress
from knative.machine.supervision import IsNeeded, supervise

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
NAMES = ("knative", "rabbitmq", "postgres", "services-postgres")


class Replaced(Exception):
    """The process would be another program now."""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path, Ports(3900), dict(os.environ))
    home.create()
    return home


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(supervision.signal, "signal", lambda *_: None)
    monkeypatch.setattr(supervision, "down", lambda home, _: [processes.stop(home, name) for name in NAMES])


def run(home: Home, on_restart: IsNeeded | None = None) -> list[bool]:
    """Run the supervisor; Knative ends once. Returns what `is_needed` answered at each later start. `on_restart`: called before it."""
    answers: list[bool] = []

    def start(is_needed: IsNeeded | None) -> None:
        if is_needed is None:
            for name in NAMES:
                processes.start(home, name, SLEEPER)
            processes.stop(home, "knative")
            return
        if on_restart is not None:
            on_restart()
        answers.append(is_needed())
        raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, Replaced)):
        supervise(home, Progress(Console(quiet=True)), start)
    return answers


def test_what_has_ended_is_started_again(home: Home) -> None:
    assert run(home) == [True]


def test_what_another_up_has_started_is_left_alone(home: Home) -> None:
    assert run(home, lambda: bool(processes.start(home, "knative", SLEEPER))) == [False]


def test_after_an_upgrade_it_continues_with_the_code_on_disk(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[tuple[str, list[str]]] = []

    def replace(program: str, arguments: list[str]) -> None:
        commands.append((program, arguments))
        raise Replaced

    digests = iter(("former", "new"))
    monkeypatch.setattr(supervision, "code_digest", lambda: next(digests))
    monkeypatch.setattr(os, "execv", replace)
    assert run(home) == []
    assert commands == [(sys.executable, sys.orig_argv)]
