"""Keeps a pod within the disk that it was given where the kernel does not (`writable`), and within its memory where no control group does.

As a kubelet does it: by looking, and by ending what is over (`Evicted`). What is written and already unlinked counts too, as long as it is open; one
file can never be larger than the largest limit (RLIMIT_FSIZE). Looking is bounded in depth and in entries; a container whose use cannot be measured
is ended as one that is over its limit. A pod that is started again begins with empty folders."""

import asyncio
import os
import signal
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from knative.local.processes import Process, stat_fields
from knative.local.processes_limits import EPHEMERAL, Group, Limits, quantity
from knative.local.serving.usage import proportional, usage
from knative.local.trash import Trash

SHORTEST, SHARE = 0.5, 10
"""Seconds between two looks, and how many times longer than a look itself."""
ENTRY = 512
"""What an empty file or folder counts as."""
DEEPEST = 200
"""Levels of folders that are counted; as many descriptors are open meanwhile."""
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
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


def allowances(root: Iterable[Path], volumes: Path, spec: Mapping[str, Any], container: Mapping[str, Any]) -> list[Allowance]:
    """`root`: the folders that hold what a container writes outside of volumes."""
    limit = str(container.get("resources", {}).get("limits", {}).get("ephemeral-storage") or EPHEMERAL)
    words = f"Pod ephemeral local storage usage exceeds the total limit of containers {limit}."
    found = [Allowance(tuple(root), int(quantity(limit)), words)]
    for volume in spec.get("volumes") or []:
        if "emptyDir" in volume:
            limit = str((volume["emptyDir"] or {}).get("sizeLimit") or EPHEMERAL)
            words = f'Usage of EmptyDir volume "{volume["name"]}" exceeds the limit "{limit}".'
            found.append(Allowance((volumes / volume["name"],), int(quantity(limit)), words))
    return found


def largest(spec: Mapping[str, Any], container: Mapping[str, Any]) -> int:
    return max(each.bytes for each in allowances((), Path(), spec, container))


class Bounded(Protocol):
    """What is known of a container that was prepared."""

    @property
    def group(self) -> Group | None: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def allowed(self) -> Sequence[Allowance]: ...


class Guard:
    """Watches one process of a container; `waits` ends when it has broken a limit."""

    def __init__(self, process: Process, bounds: Bounded, trash: Trash) -> None:
        self._process, self._bounds, self._trash = process, bounds, trash
        self.waits: list[asyncio.Task[Breach]] = []
        self.used_bytes: int | None = None
        """Of the disk, as last counted; None: not counted."""
        if bounds.allowed:
            self.waits = [asyncio.create_task(watch(process, bounds, self._count), name=f"limits of {process.pid}")]

    def _count(self, used_bytes: int) -> None:
        self.used_bytes = used_bytes

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
            await asyncio.to_thread(empty, self._bounds.allowed, self._trash)
        return breach


async def watch(process: Process, bounds: Bounded, count: Callable[[int], None]) -> Breach:
    """Returns only if a limit is broken, or cannot be checked. Calls `count` with the bytes that each look finds."""
    while True:
        began = time.monotonic()
        try:
            found = await asyncio.to_thread(_look, process, bounds.group, bounds.limits, bounds.allowed, count)
        except Unmeasurable as error:
            found = Breach(EVICTED, str(error))
        except OSError as error:
            found = Breach(EVICTED, f"The use of its disk cannot be measured: {error.strerror}.")
        if found is not None:
            return found
        await asyncio.sleep(max(SHORTEST, SHARE * (time.monotonic() - began)))


def empty(allowed: Iterable[Allowance], trash: Trash) -> None:
    """For the next start: the volumes are made anew. (Everything else is new at each start.)"""
    for each in list(allowed)[1:]:
        for folder in each.folders:
            mode = folder.lstat()
            trash.throw(folder)
            folder.mkdir(mode=0o700)
            if os.geteuid() == 0:
                os.chown(folder, mode.st_uid, mode.st_gid)


def _look(process: Process, group: Group | None, limits: Limits, allowed: Sequence[Allowance], count: Callable[[int], None]) -> Breach | None:
    nameless = unlinked(group.processes() if group is not None else process.members(), allowed[0].folders[0])
    if group is None and limits.memory:
        (used,) = usage([(process.pid, None)])
        if used is not None and used.memory + nameless.memory > limits.memory:
            found = proportional(process.pid)  # forks share pages, which the quick count takes for each of them
            if (used.memory if found is None else found) + nameless.memory > limits.memory:
                return Breach(OUT_OF_MEMORY, f"it used more than {limits.memory >> 20} MiB of memory")
    sizes = [sum(size_of(folder, each.bytes) for folder in each.folders) for each in allowed]
    for size, each in zip(sizes, allowed, strict=True):
        if size > each.bytes:
            return Breach(EVICTED, each.message)
    count(sum(sizes) + nameless.disk)
    most = max(allowed, key=lambda each: each.bytes)
    return (
        Breach(EVICTED, f"Files that are deleted and still open: {most.message}")
        if sum(sizes) + nameless.disk > sum(each.bytes for each in allowed)
        else None
    )


class Unmeasurable(Exception):
    """A tree that cannot be counted within bounds."""


def size_of(place: Path, stop_at: int) -> int:
    """On the disk; counting ends where more would not matter. Relative to descriptors, through no link. Raises Unmeasurable, OSError."""
    about = os.stat(place, follow_symlinks=False)
    if not stat.S_ISDIR(about.st_mode):
        return about.st_blocks * 512
    total = 0
    opened = [os.open(place, FOLDER)]
    pending: list[list[str]] = []
    try:
        while opened:
            if len(pending) < len(opened):
                size, folders = _entries(opened[-1], stop_at - total)
                total += size
                if total > stop_at:
                    break
                pending.append(folders)
            if not pending[-1]:
                pending.pop()
                os.close(opened.pop())
                continue
            if len(opened) >= DEEPEST:
                raise Unmeasurable(f"Folders are nested deeper than {DEEPEST} levels.")
            try:
                opened.append(os.open(pending[-1].pop(), FOLDER, dir_fd=opened[-1]))
            except PermissionError:
                raise Unmeasurable("A folder denies reading to its owner, so its size cannot be measured.") from None
            except OSError:  # gone since it was listed, or no folder any more
                continue
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return total


def _entries(folder: int, stop_at: int) -> tuple[int, list[str]]:
    """(bytes of what lies in a folder, its folders); stops where more would not matter."""
    total, folders = 0, []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                about = entry.stat(follow_symlinks=False)
            except OSError:  # gone since it was listed
                continue
            total += about.st_blocks * 512 + ENTRY
            if total > stop_at:
                break
            if stat.S_ISDIR(about.st_mode):
                folders.append(entry.name)
    return total, folders


@dataclass(frozen=True, slots=True)
class Nameless:
    """Bytes of files that are open and have no name any more."""

    disk: int
    memory: int
    """Of memfd_create(2) and of files of a tmpfs."""


def unlinked(pids: Iterable[int], place: Path) -> Nameless:
    """What these processes hold open that has no name. `place` is on the disk that counts; an overlay above it has a device number of its own.
    Raises Unmeasurable."""
    devices = {place.stat().st_dev}
    on_disk: dict[tuple[int, int], int] = {}
    in_memory: dict[tuple[int, int], int] = {}
    for pid in pids:
        found = [about for about in _opened_by(pid) if about.st_nlink == 0 and stat.S_ISREG(about.st_mode)]
        if any(about.st_dev not in devices for about in found):
            devices |= _overlays(pid)
        for about in found:
            (on_disk if about.st_dev in devices else in_memory)[about.st_dev, about.st_ino] = about.st_blocks * 512
    return Nameless(sum(on_disk.values()), sum(in_memory.values()))


def _opened_by(pid: int) -> Iterator[os.stat_result]:
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                with suppress(OSError):  # closed since it was listed
                    yield os.stat(entry.path)
    except PermissionError:
        if _has_memory(pid):
            raise Unmeasurable("Its open files cannot be read, so their size cannot be measured.") from None
    except OSError:  # it has ended
        return


def _has_memory(pid: int) -> bool:
    """A process that is ending has none any more, and its /proc belongs to root (proc_pid_stat(5), vsize)."""
    fields = stat_fields(pid)
    return fields is not None and int(fields[20]) > 0


def _overlays(pid: int) -> set[int]:
    """Devices of the overlays that a process sees (proc_pid_mountinfo(5))."""
    try:
        lines = Path(f"/proc/{pid}/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return set()
    numbers = [line.split()[2].split(":") for line in lines if " - overlay " in line]
    return {os.makedev(int(major), int(minor)) for major, minor in numbers}
