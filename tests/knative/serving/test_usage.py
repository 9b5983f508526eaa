"""What a container's processes have used, read from real ones: from /proc, and from a control group where one can be made."""

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
HOLD = "kept = bytearray(os.urandom(1 << 20) * {megabytes})\n"
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
    made = groups.create("pod", ResourceLimits())
    if made is None:
        pytest.skip("control groups cannot be made here")
    yield made
    while not (made.kill() and made.remove()):
        time.sleep(0.02)
    groups.remove()


def one(pid: int, group: ControlGroup | None = None) -> Usage:
    (found,) = usage([(pid, group)])
    assert found is not None
    return found


def test_a_process_and_its_children_that_live_and_that_ended(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN.format(seconds=0.2)!r}])\n"
    alive = f"other = subprocess.Popen([sys.executable, '-c', {(BURN.format(seconds=0.2) + WAIT)!r}], stdin=-1, stdout=-1)\nother.stdout.readline()\n"
    process = start(BURN.format(seconds=0.2) + HOLD.format(megabytes=30) + child + alive + WAIT)
    found = one(process.pid)
    assert found.run == process.pid and 550 <= found.cpu_ms < 60_000
    assert found.memory_bytes > 30 << 20
    bystander = start("import os\n" + WAIT)
    assert [each.run if each else None for each in usage([(bystander.pid, None), (process.pid, None)])] == [bystander.pid, process.pid]
    assert one(bystander.pid).cpu_ms < 550


def test_a_group_counts_what_left_the_tree(start: Callable[..., subprocess.Popen[bytes]], group: ControlGroup) -> None:
    daemon = f"if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        exec({BURN.format(seconds=0.3)!r})\n    os._exit(0)\nos.wait()\n"
    process = start("import os, time\n" + daemon + HOLD.format(megabytes=30) + WAIT, *group.paths)
    end = time.monotonic() + 20
    while one(process.pid, group).cpu_ms < 300:
        assert time.monotonic() < end, "the daemon's time is missing"
        time.sleep(0.05)
    assert 30 << 20 < one(process.pid, group).memory_bytes < 500 << 20


def test_what_has_ended_has_no_use(start: Callable[..., subprocess.Popen[bytes]], group: ControlGroup) -> None:
    process = start("import os\n" + WAIT)
    process.kill()
    process.communicate()
    gone = ControlGroup(tuple(folder / "never-made" for folder in group.folders), group.is_v2)
    assert usage([(process.pid, None), (os.getpid(), gone)]) == [None, None]
