"""Recorded processes: found again, stopped, never confused with another process; orphans are found too."""

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

from knative.machine import leftovers, processes
from knative.machine.accounts import Account
from knative.machine.home import Home, Ports
from knative.machine.problems import Problem

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
IGNORES_SIGTERM = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('stubborn', flush=True); time.sleep(60)",
]
PARENT = [
    sys.executable,
    "-c",
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); time.sleep(60)",
]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path, Ports(), dict(os.environ))
    home.create()
    yield home
    processes.terminate(leftovers.find_leftovers(home), timeout_seconds=0)


def test_a_process_is_started_found_and_stopped(home: Home) -> None:
    started = processes.start(home, "sleeper", SLEEPER)
    running = processes.find_running(home, "sleeper")
    assert running is not None and running.pid == started.pid
    assert os.getsid(started.pid) == started.pid  # its own session: closing the terminal does not end it
    assert processes.stop(home, "sleeper") is True
    assert processes.find_running(home, "sleeper") is None
    assert processes.stop(home, "sleeper") is False


def test_a_process_with_the_same_pid_and_another_start_time_is_not_stopped(home: Home) -> None:
    other = subprocess.Popen(SLEEPER)
    try:
        record = {"name": "sleeper", "pid": other.pid, "started": psutil.Process(other.pid).create_time() - 100}
        processes.record_path(home, "sleeper").write_text(json.dumps(record))
        assert processes.find_running(home, "sleeper") is None
        assert processes.stop(home, "sleeper") is False
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_process_that_ignores_sigterm_is_killed(home: Home) -> None:
    started = processes.start(home, "stubborn", IGNORES_SIGTERM)
    processes.wait_until_ready(home, "stubborn", lambda: "stubborn" in processes.log_tail(home, "stubborn"), 10)
    processes.stop(home, "stubborn", timeout_seconds=0.3)
    assert started.wait(5) in (None, -signal.SIGKILL)


def test_an_orphaned_child_is_found_by_its_mark(home: Home) -> None:
    parent = processes.start(home, "parent", PARENT)
    deadline = time.monotonic() + 10
    while not (children := parent.children()) and time.monotonic() < deadline:
        time.sleep(0.02)
    parent.kill()
    parent.wait(5)
    assert {process.pid for process in leftovers.find_leftovers(home)} == {child.pid for child in children} != set()
    processes.terminate(leftovers.find_leftovers(home), timeout_seconds=5)
    assert leftovers.find_leftovers(home) == []


def test_a_process_that_ends_while_starting_is_reported_with_its_log(home: Home) -> None:
    processes.start(home, "broken", [sys.executable, "-c", "import sys; sys.exit('no license')"])
    with pytest.raises(Problem, match="no license"):
        processes.wait_until_ready(home, "broken", lambda: False, 10)


def test_a_taken_port_names_the_process_that_holds_it() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pytest.raises(Problem, match=rf"Port {listener.getsockname()[1]} \(Test\) is taken by .*pid {os.getpid()}") as caught:
            processes.require_free_ports({"Test": listener.getsockname()[1]})
    assert "CAPSULE_PORT_OFFSET" in caught.value.remedy


def test_a_parent_folder_that_the_account_cannot_enter_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "state").mkdir(parents=True)
    closed.chmod(0o700)
    nobody = Account("nobody", 65534, 65534)
    with pytest.raises(Problem, match=r"User nobody cannot enter") as caught:
        nobody.require_access_to(closed / "state")
    assert "CAPSULE_HOME" in caught.value.remedy
