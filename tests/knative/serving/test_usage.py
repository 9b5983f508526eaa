"""Usage of real processes: from /proc, and from a control group where they are available."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from knative.local.processes.control_groups import ControlGroup, ControlGroups
from knative.local.processes.resource_limits import ResourceLimits
from knative.local.serving.pods.usage import Usage, usage

BURN = "import os, time\nend = time.process_time() + {seconds}\nwhile time.process_time() < end: pass\n"
ALLOCATE = "data = bytearray(os.urandom(1 << 20) * {megabytes})\n"
WAIT = "print('done', flush=True)\nimport sys; sys.stdin.read()\n"


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str, *groups: str) -> subprocess.Popen[bytes]:
        joins = "".join(f"open('{folder}/cgroup.procs', 'w').write('0')\n" for folder in groups)
        process = subprocess.Popen([sys.executable, "-c", joins + program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        started.append(process)
        assert process.stdout is not None and process.stdout.readline() == b"done\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def group() -> Iterator[ControlGroup]:
    groups = ControlGroups(f"capsule-test-{uuid.uuid4().hex[:8]}")
    created = groups.create("pod", ResourceLimits())
    if created is None:
        pytest.skip("control groups are not available here")
    yield created
    while not (created.kill() and created.remove()):
        time.sleep(0.02)
    groups.remove()


def one(pid: int, group: ControlGroup | None = None) -> Usage:
    (found,) = usage([(pid, group)])
    assert found is not None
    return found


def test_usage_includes_living_and_ended_children(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN.format(seconds=0.2)!r}])\n"
    alive = f"other = subprocess.Popen([sys.executable, '-c', {(BURN.format(seconds=0.2) + WAIT)!r}], stdin=-1, stdout=-1)\nother.stdout.readline()\n"
    process = start(BURN.format(seconds=0.2) + ALLOCATE.format(megabytes=30) + child + alive + WAIT)
    found = one(process.pid)
    assert found.run == process.pid and 550 <= found.cpu_ms < 60_000
    assert found.memory_bytes > 30 << 20
    bystander = start("import os\n" + WAIT)
    assert [each.run if each else None for each in usage([(bystander.pid, None), (process.pid, None)])] == [bystander.pid, process.pid]
    assert one(bystander.pid).cpu_ms < 550


def test_a_control_group_counts_daemons(start: Callable[..., subprocess.Popen[bytes]], group: ControlGroup) -> None:
    daemon = f"if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        exec({BURN.format(seconds=0.3)!r})\n    os._exit(0)\nos.wait()\n"
    process = start("import os, time\n" + daemon + ALLOCATE.format(megabytes=30) + WAIT, *group.paths)
    end = time.monotonic() + 20
    while one(process.pid, group).cpu_ms < 300:
        assert time.monotonic() < end, "the daemon's time is missing"
        time.sleep(0.05)
    assert 30 << 20 < one(process.pid, group).memory_bytes < 500 << 20


def test_an_ended_process_has_no_usage(start: Callable[..., subprocess.Popen[bytes]], group: ControlGroup) -> None:
    process = start("import os\n" + WAIT)
    process.kill()
    process.communicate()
    removed = ControlGroup(tuple(folder / "never-made" for folder in group.folders), group.is_v2)
    assert usage([(process.pid, None), (os.getpid(), removed)]) == [None, None]
