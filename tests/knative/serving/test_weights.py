"""The CPU weight of control groups: the platform's functions count as several processes, a tenant's group as one."""

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
    """Run busy processes, each in its own session: the kernel may group processes outside of control groups by session (sched_autogroup)."""
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
def test_the_weight_of_a_control_group_is_its_share_of_the_cpu(weight: int, more_inside: bool) -> None:
    """On one core, 8 beside 4 is two thirds, 1 beside 4 is a fifth."""
    groups = ControlGroups(f"capsule-test-{uuid.uuid4().hex[:8]}", weight)
    group = groups.create("pod", ResourceLimits())
    if group is None:
        pytest.skip("control groups are not available here")
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
