"""Keeps a pod within the disk that it was given, and within its memory where no control group does.

As a kubelet does it: by looking, and by ending what is over (`Evicted`), since a file system has no quota that every machine offers. What is written
and already unlinked counts too, as long as it is open; one file can never be larger than the largest limit (RLIMIT_FSIZE). A pod that is started
again begins with empty folders.
"""

import asyncio
import os
import shutil
import signal
import stat
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from knative.local.processes import Process, session_members
from knative.local.processes_limits import EPHEMERAL, Group, Limits, quantity
from knative.local.serving.usage import proportional, usage

SHORTEST, SHARE = 0.5, 10
"""Seconds between two looks, and how many times longer than a look itself."""
ENTRY = 512
"""What an empty file or folder counts as."""
EVICTED, OUT_OF_MEMORY = "Evicted", "OOMKilled"


@dataclass(frozen=True, slots=True)
class Breach:
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Allowance:
    """Folders that together may hold so much."""

    folders: tuple[Path, ...]
    bytes: int
    message: str


def allowances(folder: Path, spec: Mapping[str, Any], container: Mapping[str, Any]) -> list[Allowance]:
    limit = str(container.get("resources", {}).get("limits", {}).get("ephemeral-storage") or EPHEMERAL)
    words = f"Pod ephemeral local storage usage exceeds the total limit of containers {limit}."
    found = [Allowance((folder / "tmp", folder / "home"), int(quantity(limit)), words)]
    for volume in spec.get("volumes") or []:
        if "emptyDir" in volume:
            limit = str((volume["emptyDir"] or {}).get("sizeLimit") or EPHEMERAL)
            words = f'Usage of EmptyDir volume "{volume["name"]}" exceeds the limit "{limit}".'
            found.append(Allowance((folder / "volumes" / volume["name"],), int(quantity(limit)), words))
    return found


def largest(spec: Mapping[str, Any], container: Mapping[str, Any]) -> int:
    return max(each.bytes for each in allowances(Path(), spec, container))


class Bounded(Protocol):
    """What is known of a container that was prepared."""

    @property
    def group(self) -> Group | None: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def allowed(self) -> list[Allowance]: ...


class Guard:
    """Watches one process of a container; `waits` ends when it has broken a limit."""

    def __init__(self, process: Process, bounds: Bounded) -> None:
        self._process, self._bounds = process, bounds
        self.waits: list[asyncio.Task[Breach]] = []
        if bounds.allowed:
            self.waits = [asyncio.create_task(watch(process, bounds.group, bounds.limits, bounds.allowed), name=f"limits of {process.pid}")]

    async def end(self, say: Callable[[str], None]) -> Breach | None:
        """What was broken, if something was; then the container has been ended for it."""
        found = [task.result() for task in self.waits if task.done()]
        for task in self.waits:
            task.cancel()
        if not found:
            return None
        breach = found[0]
        say(breach.message)
        self._process.signal(signal.SIGKILL)
        if self._bounds.group is not None:
            self._bounds.group.kill()
        await self._process.ended
        if breach.reason == EVICTED:
            await asyncio.to_thread(empty, self._bounds.allowed)
        return breach


async def watch(process: Process, group: Group | None, limits: Limits, allowed: list[Allowance]) -> Breach:
    """Returns only if a limit is broken."""
    while True:
        began = time.monotonic()
        found = await asyncio.to_thread(_look, process.pid, group, limits, allowed)
        if found is not None:
            return found
        await asyncio.sleep(max(SHORTEST, SHARE * (time.monotonic() - began)))


def empty(allowed: Iterable[Allowance]) -> None:
    """For the next start."""
    for folder in (folder for each in allowed for folder in each.folders):
        for entry in folder.iterdir() if folder.is_dir() else ():
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() and not entry.is_symlink() else entry.unlink(missing_ok=True)


def _look(pid: int, group: Group | None, limits: Limits, allowed: list[Allowance]) -> Breach | None:
    if group is None and limits.memory:
        (used,) = usage([(pid, None)])
        if used is not None and used.memory > limits.memory:
            found = proportional(pid)  # forks share pages, which the quick count takes for each of them
            if (used.memory if found is None else found) > limits.memory:
                return Breach(OUT_OF_MEMORY, f"it used more than {limits.memory >> 20} MiB of memory")
    sizes = [sum(size_of(folder, each.bytes) for folder in each.folders) for each in allowed]
    for size, each in zip(sizes, allowed, strict=True):
        if size > each.bytes:
            return Breach(EVICTED, each.message)
    hidden = _unlinked(group.processes() if group is not None else session_members(pid), allowed[0].folders[0])
    most = max(allowed, key=lambda each: each.bytes)
    return (
        Breach(EVICTED, f"Files that are deleted and still open: {most.message}")
        if sum(sizes) + hidden > sum(each.bytes for each in allowed)
        else None
    )


def size_of(folder: Path, stop_at: int) -> int:
    """On the disk; counting ends where more would not matter."""
    total = 0
    for where, folders, files in os.walk(folder):
        for name in (*folders, *files):
            try:
                total += os.lstat(os.path.join(where, name)).st_blocks * 512 + ENTRY
            except OSError:  # gone since it was listed
                continue
        if total > stop_at:
            break
    return total


def _unlinked(pids: Iterable[int], place: Path) -> int:
    """What these processes hold open on this disk that has no name any more."""
    device, found = place.stat().st_dev, {}
    for pid in pids:
        try:
            for entry in os.scandir(f"/proc/{pid}/fd"):
                about = os.stat(entry.path)
                if about.st_nlink == 0 and stat.S_ISREG(about.st_mode) and about.st_dev == device:
                    found[about.st_ino] = about.st_blocks * 512
        except OSError:  # it is going
            continue
    return sum(found.values())
