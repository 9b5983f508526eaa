"""A pod's limits of memory and processes, and what it has used.

Control groups where root may make them (version 2, or 1 on older machines): the kernel then ends what is too large and says so, and
nothing escapes the count by starting daemons. Elsewhere RLIMIT_DATA and RLIMIT_NPROC bound each process by itself, which is less, and is
what there is.
"""

import contextlib
import os
import re
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knative.local.processes import send

ROOT = Path("/sys/fs/cgroup")
PROCESSES = 256
EPHEMERAL = "1Gi"
"""What a pod may write where its template names no limit."""
SPARE = 256 << 20
PERIOD = 100_000
"""Microseconds over which a share of the CPU is counted."""
_UNITS = {"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def quantity(text: str | int | float) -> float:
    """Kubernetes' resource.Quantity: 500m, 256Mi, 1e3."""
    match = re.fullmatch(r"([0-9.]+(?:[eE][0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?", str(text))
    if match is None:
        raise ValueError(f"{text!r} is no quantity")
    return float(match[1]) * _UNITS[match[2] or ""]


@dataclass(frozen=True, slots=True)
class Limits:
    memory: int | None = None
    processes: int | None = None
    cpu: float | None = None
    file: int | None = None

    @classmethod
    def of(cls, container: Mapping[str, Any], sandboxed: bool, file: int | None = None) -> "Limits":
        """`file`: how large one may become."""
        limits = container.get("resources", {}).get("limits", {})
        memory = int(quantity(limits["memory"])) if "memory" in limits else None
        cpu = quantity(limits["cpu"]) if "cpu" in limits else None
        return cls(memory, PROCESSES if sandboxed else None, cpu, file if sandboxed else None)

    def rlimits(self, sandboxed: bool, grouped: bool) -> dict[str, int]:
        found = {"RLIMIT_CORE": 1 if sandboxed else 0}  # 1: not even a handler of core dumps is started (core(5), piping)
        if sandboxed:
            found |= {"RLIMIT_NOFILE": 4096}
        if self.memory and not grouped:
            found["RLIMIT_DATA"] = 2 * self.memory + SPARE  # the watch is nearer, and says why
        if self.file:
            found["RLIMIT_FSIZE"] = self.file
        if self.processes and sandboxed and not grouped:
            found["RLIMIT_NPROC"] = self.processes
        return found


class Groups:
    """Makes control groups below one of our own. `available` is False where they cannot be made.

    `weight`: how much of a busy CPU all of them together get, as if they were so many processes. The kernel weighs a group against each single
    process outside of it (or each session, sched_autogroup): without a word everything that is inside, however much, is one beside all the others.
    That is right for what tenants run. The platform's own functions starved in it as soon as the machine was busy: an event's way took seconds
    instead of a tenth of one.
    """

    def __init__(self, name: str, weight: int = 1) -> None:
        self._v2 = (ROOT / "cgroup.controllers").exists()
        parents = [ROOT / name] if self._v2 else [ROOT / kind / name for kind in ("memory", "pids", "cpuacct", "cpu")]
        self._parents: list[Path] = []
        if os.geteuid() != 0:
            return
        try:
            for parent in parents:
                parent.mkdir(exist_ok=True)
            if self._v2:
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
        """The folders that hold all groups."""
        return tuple(self._parents)

    @property
    def available(self) -> bool:
        return bool(self._parents)

    def make(self, name: str, limits: Limits) -> "Group | None":
        if not self._parents:
            return None
        folders = [parent / name for parent in self._parents]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        memory, processes = (folders[0], folders[0]) if self._v2 else (folders[0], folders[1])
        if limits.memory:
            (memory / ("memory.max" if self._v2 else "memory.limit_in_bytes")).write_text(str(limits.memory))
            for swap in ("memory.swap.max", "memory.memsw.limit_in_bytes"):
                with contextlib.suppress(OSError):  # a kernel without swap accounting has no such file
                    (memory / swap).write_text("0" if self._v2 else str(limits.memory))
        if limits.processes:
            (processes / "pids.max").write_text(str(limits.processes))
        if limits.cpu:
            quota = max(int(limits.cpu * PERIOD), 1000)
            if self._v2:
                (folders[0] / "cpu.max").write_text(f"{quota} {PERIOD}")
            else:
                (folders[3] / "cpu.cfs_period_us").write_text(str(PERIOD))
                (folders[3] / "cpu.cfs_quota_us").write_text(str(quota))
        return Group(tuple(folders), self._v2)

    def leftovers(self) -> "list[Group]":
        """Of a former run that was killed."""
        names = {each.name for parent in self._parents for each in parent.iterdir() if each.is_dir()}
        return [Group(tuple(parent / name for parent in self._parents), self._v2) for name in sorted(names)]

    def remove(self) -> None:
        """With what is still in them; an ended process leaves its group a moment later, so this may have to wait for it."""
        for _ in range(20):
            left = [group for group in self.leftovers() if not (group.kill() and group.remove())]
            if not left:
                break
            time.sleep(0.05)
        for parent in self._parents:
            with contextlib.suppress(OSError):  # something in it does not die; the next start tries again
                parent.rmdir()


@dataclass(frozen=True, slots=True)
class Group:
    folders: tuple[Path, ...]
    v2: bool

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(str(folder) for folder in self.folders)

    def out_of_memory(self) -> bool:
        """Whether the kernel ended something in it for its size."""
        try:
            events = (self.folders[0] / ("memory.events" if self.v2 else "memory.oom_control")).read_text()
        except FileNotFoundError:
            return False
        return any(line.startswith("oom_kill ") and line != "oom_kill 0" for line in events.splitlines())

    def cpu_seconds(self) -> float:
        if self.v2:
            return int((self.folders[0] / "cpu.stat").read_text().split()[1]) / 1e6
        return int((self.folders[2] / "cpuacct.usage").read_text()) / 1e9

    def processes(self) -> list[int]:
        found: set[int] = set()
        for folder in self.folders:
            with contextlib.suppress(FileNotFoundError):
                found.update(int(line) for line in (folder / "cgroup.procs").read_text().split())
        return sorted(found)

    def kill(self) -> bool:
        """Ends all that is in it, daemons too; True when nothing is left. The kernel does it at once where it can (cgroup.kill, Linux 5.14)."""
        members = self.processes()
        if members and self.v2 and (self.folders[0] / "cgroup.kill").exists():
            (self.folders[0] / "cgroup.kill").write_text("1")
            return False
        for pid in members:
            send(os.kill, pid, signal.SIGKILL)
        return not members

    def remove(self) -> bool:
        gone = True
        for folder in self.folders:
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                gone = False
        return gone
