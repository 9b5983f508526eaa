"""What a group gets of a busy CPU: the platform's functions as much as so many processes, a tenant's as much as one."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from knative.local.processes.control_groups import ControlGroups
from knative.local.processes.resource_limits import ResourceLimits

BUSY = "while True: pass"
OUTSIDE, INSIDE = 4, 2


@contextmanager
def busy(count: int, core: int, paths: tuple[str, ...] = ()) -> Iterator[list[psutil.Process]]:
    """Each in a session of its own, by which the kernel may group what is outside (sched_autogroup)."""
    started = [subprocess.Popen([sys.executable, "-c", BUSY], start_new_session=True) for _ in range(count)]
    try:
        for each in started:
            os.sched_setaffinity(each.pid, {core})
            for path in paths:
                (Path(path) / "cgroup.procs").write_text(str(each.pid))
        yield [psutil.Process(each.pid) for each in started]
    finally:
        for each in started:
            each.kill()
            each.wait()


def spent(processes: list[psutil.Process]) -> float:
    return sum(each.cpu_times().user for each in processes)


@pytest.mark.parametrize(("weight", "more_inside"), [(8, True), (1, False)])
def test_a_group_weighs_as_many_processes_as_it_says(weight: int, more_inside: bool) -> None:
    """All on one core: 8 beside 4 is two thirds of it, 1 beside 4 is a fifth."""
    groups = ControlGroups(f"capsule-test-{uuid.uuid4().hex[:8]}", weight)
    group = groups.create("pod", ResourceLimits())
    if group is None:
        pytest.skip("control groups cannot be made here")
    core = min(os.sched_getaffinity(0))
    try:
        with busy(OUTSIDE, core) as outside, busy(INSIDE, core, group.paths) as inside:
            before = spent(outside), spent(inside)
            until = time.monotonic() + 30
            while spent(outside) - before[0] + spent(inside) - before[1] < 1.5 and time.monotonic() < until:
                time.sleep(0.1)
            others, own = spent(outside) - before[0], spent(inside) - before[1]
        assert (own > others) is more_inside, f"inside {own:.2f} s, outside {others:.2f} s"
    finally:
        while not (group.kill() and group.remove()):
            time.sleep(0.02)
        groups.remove()
