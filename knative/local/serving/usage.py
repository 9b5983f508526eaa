"""What the processes of a container have used, as a kubelet reads it: from the control group where there is one, else from /proc.

The control group counts what daemons and children that have ended used, too; memory there is the working set, without files that the kernel may
drop. From /proc it is what the process's session and its children are and were, as far as they were waited for.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from knative.local.processes_limits import Group

TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """Since the process `run` began."""

    run: int
    cpu_ms: float
    memory: int


@dataclass(frozen=True, slots=True)
class Stat:
    parent: int
    session: int
    cpu_ms: float
    memory: int


def usage(processes: Sequence[tuple[int, Group | None]]) -> list[Usage | None]:
    """Of containers, each by its first process; None: it has just ended."""
    ungrouped = [pid for pid, group in processes if group is None]
    table = _table() if ungrouped else {}
    return [_of_group(pid, group) if group is not None else _of_tree(pid, table) for pid, group in processes]


def _of_group(pid: int, group: Group) -> Usage | None:
    names = ("memory.current", "inactive_file") if group.v2 else ("memory.usage_in_bytes", "total_inactive_file")
    folder = group.folders[0]
    try:
        cpu = group.cpu_seconds() * 1000
        memory = int((folder / names[0]).read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except OSError:  # ENOENT, or ENODEV of a group that is being removed
        return None
    return Usage(pid, cpu, max(memory - int(stat.get(names[1], 0)), 0))


def _of_tree(pid: int, table: dict[int, Stat]) -> Usage | None:
    if pid not in table:
        return None
    members = _tree(pid, table)
    return Usage(pid, sum(table[member].cpu_ms for member in members), sum(table[member].memory for member in members))


def _tree(pid: int, table: dict[int, Stat]) -> set[int]:
    members = {found for found, stat in table.items() if stat.session == pid} | {pid}
    while more := {found for found, stat in table.items() if stat.parent in members} - members:
        members |= more
    return members


def proportional(pid: int) -> int | None:
    """Its memory with what several of its processes share counted once; dear to ask for. None: it cannot be read."""
    total = 0
    for member in _tree(pid, _table()):
        try:
            with open(f"/proc/{member}/smaps_rollup", "rb") as file:
                total += next(int(line.split()[1]) for line in file if line.startswith(b"Pss:")) << 10
        except (FileNotFoundError, ProcessLookupError, StopIteration):  # it has just ended
            continue
        except OSError:
            return None
    return total


def _table() -> dict[int, Stat]:
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            cpu = sum(int(field) for field in fields[11:15])  # utime, stime, and of children that were waited for
            found[int(name)] = Stat(int(fields[1]), int(fields[3]), cpu * TICK_MS, int(fields[21]) * PAGE)
    return found
