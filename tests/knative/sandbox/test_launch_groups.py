"""How a process joins its control groups."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from knative.local.processes.control_groups import ControlGroup, ControlGroups
from knative.local.processes.resource_limits import ResourceLimits

PROGRAM = """
import subprocess, sys, threading
from knative.local.sandbox.launch_groups import join_control_groups

waiting = threading.Event()
others = [threading.Thread(target=waiting.wait) for _ in range(int(sys.argv[1]))]
for each in others:
    each.start()
join_control_groups(sys.argv[2:])
print(subprocess.run(["cat", "/proc/self/cgroup"], capture_output=True, text=True).stdout)
waiting.set()
"""


def join(threads: int, *folders: str) -> str:
    """Join from a program with more threads. Returns the groups of what it starts then."""
    command = [sys.executable, "-c", PROGRAM, str(threads), *folders]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env={"PYTHONPATH": ":".join(sys.path)}).stdout


@pytest.fixture
def group() -> Iterator[ControlGroup]:
    groups = ControlGroups(f"capsule-test-{uuid4().hex}")
    found = groups.create("pod", ResourceLimits())
    if found is None:
        pytest.skip("control groups are not available to this user")
    yield found
    groups.remove()


@pytest.mark.parametrize("threads", [0, 2])
def test_what_a_process_starts_is_in_its_groups(group: ControlGroup, threads: int) -> None:
    name = Path(group.paths[0]).parent.name
    assert join(threads, *group.paths).count(f"/{name}/pod\n") == len(group.paths)


def test_a_process_of_one_thread_joins_as_a_thread_where_it_can(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").touch()
    (tmp_path / "first" / "tasks").touch()
    folders = [str(tmp_path / "first"), str(tmp_path / "second")]

    join(0, *folders)
    assert [path.read_text() for path in sorted(tmp_path.rglob("*")) if path.is_file()] == ["", "0", "0"], "cgroup.procs, tasks; cgroup.procs"

    join(1, *folders)
    assert (tmp_path / "first" / "cgroup.procs").read_text() == "0"
