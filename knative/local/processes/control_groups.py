"""Control groups (cgroups(7), version 2 or 1): limits of memory, processes and CPU, and what a container has used.

They exist where root starts the platform. The kernel ends what is too large and reports it, and daemons cannot escape
the count. Elsewhere rlimits bound each process by itself (`resource_limits`).
"""

import contextlib
import hashlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from knative.local.processes.process import send_signal
from knative.local.processes.resource_limits import ResourceLimits

ROOT = Path("/sys/fs/cgroup")
CPU_PERIOD_MICROSECONDS = 100_000
"""Over which a share of the CPU is counted."""
REMOVE_TRIES, REMOVE_PAUSE_SECONDS = 20, 0.05


def group_names(home: Path) -> tuple[str, str, str]:
    """Return the names of an installation's groups: of tenants, of the platform, and of servers of data services."""
    name = f"capsule-{hashlib.sha256(str(home).encode()).hexdigest()[:10]}"
    return name, f"{name}-own", f"{name}-services"


def _is_v2() -> bool:
    return (ROOT / "cgroup.controllers").exists()


def _folders(name: str) -> list[Path]:
    return [ROOT / name] if _is_v2() else [ROOT / controller / name for controller in ("memory", "pids", "cpuacct", "cpu")]


def existing_groups(home: Path) -> list[Path]:
    """Return the folders of an installation's groups, one for each controller with version 1."""
    return [folder for name in group_names(home) for folder in _folders(name) if folder.is_dir()]


def pids_in_groups(home: Path) -> set[int]:
    """Return every process in the groups of an installation's pods, also of pods that are not recorded."""
    found: set[int] = set()
    for parent in existing_groups(home):
        for folder, _, _ in os.walk(parent):
            with contextlib.suppress(OSError):  # the group was removed
                found.update(int(line) for line in Path(folder, "cgroup.procs").read_text().split())
    return found


class ControlGroups:
    """Creates control groups below one of its own.

    `weight` is the share of a busy CPU that all groups together get, in processes. The kernel weighs a group against
    each single process outside of it (or each session, sched_autogroup(7)), so a group with the default weight counts
    as one process, however much runs inside. That is right for tenants. The platform's functions need more: with weight
    1 an event takes seconds on a busy machine instead of a tenth of a second.
    """

    def __init__(self, name: str, weight: int = 1) -> None:
        self._is_v2 = _is_v2()
        self._parents: list[Path] = []
        if os.geteuid() != 0:
            return
        parents = _folders(name)
        try:
            for parent in parents:
                parent.mkdir(exist_ok=True)
            if self._is_v2:
                for folder in (ROOT, *parents):
                    (folder / "cgroup.subtree_control").write_text("+memory +pids +cpu")
                (parents[0] / "cpu.weight").write_text(str(min(100 * weight, 10_000)))
            else:
                (parents[3] / "cpu.shares").write_text(str(1024 * weight))
            self._parents = parents
        except OSError:
            self.remove()

    @property
    def parents(self) -> tuple[Path, ...]:
        """The folders that hold all groups, one for each controller with version 1."""
        return tuple(self._parents)

    @property
    def are_available(self) -> bool:
        return bool(self._parents)

    def create(self, name: str, limits: ResourceLimits) -> "ControlGroup | None":
        """Create a group, or change the limits of an existing one.

        Returns None where control groups are not available. Raises OSError.
        """
        if not self._parents:
            return None
        folders = [parent / name for parent in self._parents]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        memory, processes = (folders[0], folders[0]) if self._is_v2 else (folders[0], folders[1])
        if limits.memory_bytes:
            (memory / ("memory.max" if self._is_v2 else "memory.limit_in_bytes")).write_text(str(limits.memory_bytes))
            for swap in ("memory.swap.max", "memory.memsw.limit_in_bytes"):
                with contextlib.suppress(OSError):  # a kernel without swap accounting has no such file
                    (memory / swap).write_text("0" if self._is_v2 else str(limits.memory_bytes))
        if limits.processes:
            (processes / "pids.max").write_text(str(limits.processes))
        if limits.cpu_cores:
            quota = max(int(limits.cpu_cores * CPU_PERIOD_MICROSECONDS), 1000)
            if self._is_v2:
                (folders[0] / "cpu.max").write_text(f"{quota} {CPU_PERIOD_MICROSECONDS}")
            else:
                (folders[3] / "cpu.cfs_period_us").write_text(str(CPU_PERIOD_MICROSECONDS))
                (folders[3] / "cpu.cfs_quota_us").write_text(str(quota))
        return ControlGroup(tuple(folders), self._is_v2)

    def leftovers(self) -> "list[ControlGroup]":
        """Return the groups that exist, such as those of a run that was killed."""
        names = {each.name for parent in self._parents for each in parent.iterdir() if each.is_dir()}
        return [ControlGroup(tuple(parent / name for parent in self._parents), self._is_v2) for name in sorted(names)]

    def remove_leftovers(self) -> None:
        """Kill what is left in the groups and remove them.

        Blocks up to a second: an ended process leaves its group a moment later. A process that does not die keeps its
        group; the next start tries again.
        """
        for _ in range(REMOVE_TRIES):
            remaining = [group for group in self.leftovers() if not (group.kill() and group.remove())]
            if not remaining:
                break
            time.sleep(REMOVE_PAUSE_SECONDS)

    def remove(self) -> None:
        """Remove the leftovers, then the folders of the groups."""
        self.remove_leftovers()
        for parent in self._parents:
            with contextlib.suppress(OSError):  # a group is left in it
                parent.rmdir()


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """One container's group."""

    folders: tuple[Path, ...]
    is_v2: bool

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(str(folder) for folder in self.folders)

    def was_out_of_memory(self) -> bool:
        """Return whether the kernel killed a process of the group for exceeding its memory."""
        try:
            events = (self.folders[0] / ("memory.events" if self.is_v2 else "memory.oom_control")).read_text()
        except FileNotFoundError:
            return False
        return any(line.startswith("oom_kill ") and line != "oom_kill 0" for line in events.splitlines())

    def cpu_seconds(self) -> float:
        if self.is_v2:
            return int((self.folders[0] / "cpu.stat").read_text().split()[1]) / 1e6
        return int((self.folders[2] / "cpuacct.usage").read_text()) / 1e9

    def pids(self) -> list[int]:
        found: set[int] = set()
        for folder in self.folders:
            with contextlib.suppress(FileNotFoundError):
                found.update(int(line) for line in (folder / "cgroup.procs").read_text().split())
        return sorted(found)

    def kill(self) -> bool:
        """Kill every process of the group, daemons included. Returns True when none is left."""
        pids = self.pids()
        if pids and self.is_v2 and (self.folders[0] / "cgroup.kill").exists():  # since Linux 5.14
            (self.folders[0] / "cgroup.kill").write_text("1")
            return False
        for pid in pids:
            send_signal(os.kill, pid, signal.SIGKILL)
        return not pids

    def remove(self) -> bool:
        """Remove the empty group. Returns False while a process is left in it."""
        is_removed = True
        for folder in self.folders:
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                is_removed = False
        return is_removed
