"""What a container's processes use, as a kubelet measures it: from the control group if there is one, else from /proc.

A control group also counts what daemons and ended children used; its memory is the working set, without files that the
kernel may drop. From /proc it is the process's session and its descendants, and ended children as far as they were
waited for.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from knative.local.processes.control_groups import ControlGroup
from knative.local.processes.procfs import all_pids, stat_fields

MILLISECONDS_PER_TICK = 1000 / os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    run: int
    """The pid of the container's first process: another run counts from zero."""
    cpu_ms: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class _Stat:
    parent: int
    session: int
    cpu_ms: float
    memory_bytes: int


def usage(processes: Sequence[tuple[int, ControlGroup | None]]) -> list[Usage | None]:
    """Return the usage of containers, each named by its first process; None for one that has just ended."""
    ungrouped = [pid for pid, group in processes if group is None]
    table = _process_table() if ungrouped else {}
    return [_of_group(pid, group) if group is not None else _of_tree(pid, table) for pid, group in processes]


def proportional_memory_bytes(pid: int) -> int | None:
    """Return the memory of a process and its descendants with shared pages counted once.

    Slow. None: it cannot be read.
    """
    total = 0
    for member in _tree(pid, _process_table()):
        try:
            with open(f"/proc/{member}/smaps_rollup", "rb") as file:
                total += next(int(line.split()[1]) for line in file if line.startswith(b"Pss:")) << 10
        except (FileNotFoundError, ProcessLookupError, StopIteration):  # it has just ended
            continue
        except OSError:
            return None
    return total


def _of_group(pid: int, group: ControlGroup) -> Usage | None:
    names = ("memory.current", "inactive_file") if group.is_v2 else ("memory.usage_in_bytes", "total_inactive_file")
    folder = group.folders[0]
    try:
        cpu_ms = group.cpu_seconds() * 1000
        memory_bytes = int((folder / names[0]).read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except OSError:  # ENOENT, or ENODEV while the group is being removed
        return None
    return Usage(pid, cpu_ms, max(memory_bytes - int(stat.get(names[1], 0)), 0))


def _of_tree(pid: int, table: dict[int, _Stat]) -> Usage | None:
    if pid not in table:
        return None
    members = _tree(pid, table)
    return Usage(pid, sum(table[member].cpu_ms for member in members), sum(table[member].memory_bytes for member in members))


def _tree(pid: int, table: dict[int, _Stat]) -> set[int]:
    members = {found for found, stat in table.items() if stat.session == pid} | {pid}
    while more := {found for found, stat in table.items() if stat.parent in members} - members:
        members |= more
    return members


def _process_table() -> dict[int, _Stat]:
    table = {}
    for pid in all_pids():
        if (fields := stat_fields(pid)) is not None:
            ticks = sum(int(field) for field in fields[11:15])  # utime, stime, and those of children that were waited for
            table[pid] = _Stat(int(fields[1]), int(fields[3]), ticks * MILLISECONDS_PER_TICK, int(fields[21]) * PAGE_BYTES)
    return table
