"""A recorded process is found again, ended when asked, never mistaken for another, and its orphans are found too."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from knative.machine import processes
from knative.machine.accounts import Account
from knative.machine.home import Home, Ports
from knative.machine.problems import Problem

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"]
PARENT = [
    sys.executable,
    "-c",
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); time.sleep(60)",
]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path, Ports(), dict(os.environ))
    home.make()
    yield home
    processes.end(processes.leftovers(home), seconds=0)


def test_started_found_and_stopped(home: Home) -> None:
    started = processes.start(home, "sleeper", SLEEPER)
    found = processes.running(home, "sleeper")
    assert found is not None and found.pid == started.pid
    assert os.getsid(started.pid) == started.pid  # a session of its own: closing the terminal does not end it
    assert processes.stop(home, "sleeper") is True
    assert processes.running(home, "sleeper") is None
    assert processes.stop(home, "sleeper") is False


def test_another_process_with_the_same_pid_is_left_alone(home: Home) -> None:
    other = subprocess.Popen(SLEEPER)
    try:
        record = {"name": "sleeper", "pid": other.pid, "started": psutil.Process(other.pid).create_time() - 100}
        processes.record_path(home, "sleeper").write_text(json.dumps(record))
        assert processes.running(home, "sleeper") is None
        assert processes.stop(home, "sleeper") is False
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_one_that_does_not_listen_is_killed(home: Home) -> None:
    started = processes.start(home, "deaf", DEAF)
    processes.await_ready(home, "deaf", lambda: "deaf" in processes.tail(home, "deaf"), 10)
    began = time.monotonic()
    processes.stop(home, "deaf", seconds=0.3)
    assert 0.3 <= time.monotonic() - began < 5
    assert started.wait(5) in (None, -signal.SIGKILL)


def test_a_child_whose_parent_was_killed_is_found_by_its_mark(home: Home) -> None:
    parent = processes.start(home, "parent", PARENT)
    until = time.monotonic() + 10
    while not (children := parent.children()) and time.monotonic() < until:
        time.sleep(0.02)
    parent.kill()
    parent.wait(5)
    assert {process.pid for process in processes.leftovers(home)} == {child.pid for child in children} != set()
    processes.end(processes.leftovers(home), seconds=5)
    assert processes.leftovers(home) == []


def test_one_that_dies_while_starting_is_said_with_its_last_words(home: Home) -> None:
    processes.start(home, "broken", [sys.executable, "-c", "import sys; sys.exit('no license')"])
    with pytest.raises(Problem, match="no license"):
        processes.await_ready(home, "broken", lambda: False, 10)


def test_a_taken_port_names_its_holder() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Problem, match=rf"port {taken.getsockname()[1]} \(Test\) is taken by .*pid {os.getpid()}") as caught:
            processes.demand_free({"Test": taken.getsockname()[1]})
    assert "CAPSULE_PORT_OFFSET" in caught.value.remedy


def test_a_folder_on_the_way_that_lets_nobody_through_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "state").mkdir(parents=True)
    closed.chmod(0o700)
    nobody = Account("nobody", 65534, 65534)
    with pytest.raises(Problem, match=r"can't be entered by user nobody") as caught:
        nobody.demand_way_to(closed / "state")
    assert "CAPSULE_HOME" in caught.value.remedy
