"""Measure what a tenant's processes hold on the disk, within bounds.

Trees are walked relative to directory descriptors, through no link, limited in depth. A tree or process that cannot be
measured raises `Unmeasurable`, which callers treat like an exceeded limit.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from knative.local.processes.procfs import stat_fields

BLOCK_BYTES = 512
"""Unit of st_blocks (stat(2))."""
ENTRY_BYTES = 512
"""What an empty file or folder counts as."""
MAX_DEPTH = 200
"""Levels of folders. As many descriptors are open during a walk."""
OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Unmeasurable(Exception):
    """The tree or the process cannot be measured within bounds. The message says why."""


@dataclass(frozen=True, slots=True)
class UnlinkedFiles:
    """Bytes of files that are open and have no name any more."""

    disk_bytes: int
    memory_bytes: int
    """Of memfd_create(2) and of files on a tmpfs."""


def tree_bytes(place: Path, stop_at_bytes: int) -> int:
    """Return what a tree takes on the disk. Counting stops above `stop_at_bytes`. Raises Unmeasurable, OSError."""
    about = os.stat(place, follow_symlinks=False)
    if not stat.S_ISDIR(about.st_mode):
        return about.st_blocks * BLOCK_BYTES
    total = 0
    opened = [os.open(place, OPEN_FOLDER)]
    pending: list[list[str]] = []
    """For each open folder the names of folders left to enter."""
    try:
        while opened:
            if len(pending) < len(opened):
                size, folders = _folder_bytes(opened[-1], stop_at_bytes - total)
                total += size
                if total > stop_at_bytes:
                    break
                pending.append(folders)
            if not pending[-1]:
                pending.pop()
                os.close(opened.pop())
                continue
            if len(opened) >= MAX_DEPTH:
                raise Unmeasurable(f"Folders are nested deeper than {MAX_DEPTH} levels.")
            try:
                opened.append(os.open(pending[-1].pop(), OPEN_FOLDER, dir_fd=opened[-1]))
            except PermissionError:
                raise Unmeasurable("A folder denies reading to its owner, so its size cannot be measured.") from None
            except OSError:  # deleted or replaced since it was listed
                continue
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return total


def _folder_bytes(folder: int, stop_at_bytes: int) -> tuple[int, list[str]]:
    """Return (bytes of a folder's entries, names of its folders). Counting stops above `stop_at_bytes`."""
    total, folders = 0, []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                about = entry.stat(follow_symlinks=False)
            except OSError:  # deleted since it was listed
                continue
            total += about.st_blocks * BLOCK_BYTES + ENTRY_BYTES
            if total > stop_at_bytes:
                break
            if stat.S_ISDIR(about.st_mode):
                folders.append(entry.name)
    return total, folders


def unlinked_files(pids: Iterable[int], place: Path) -> UnlinkedFiles:
    """Measure what processes hold open that has no name. `place` is on the disk that counts. Raises Unmeasurable."""
    devices = {place.stat().st_dev}
    on_disk: dict[tuple[int, int], int] = {}
    in_memory: dict[tuple[int, int], int] = {}
    for pid in pids:
        found = [about for about in _open_files(pid) if about.st_nlink == 0 and stat.S_ISREG(about.st_mode)]
        if any(about.st_dev not in devices for about in found):
            devices |= _overlay_devices(pid)  # an overlay above the disk has a device number of its own
        for about in found:
            (on_disk if about.st_dev in devices else in_memory)[about.st_dev, about.st_ino] = about.st_blocks * BLOCK_BYTES
    return UnlinkedFiles(sum(on_disk.values()), sum(in_memory.values()))


def _open_files(pid: int) -> Iterator[os.stat_result]:
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                with suppress(OSError):  # closed since it was listed
                    yield os.stat(entry.path)
    except PermissionError:
        if _has_memory(pid):
            raise Unmeasurable("The container's open files cannot be read, so their size cannot be measured.") from None
    except OSError:  # the process has ended
        return


def _has_memory(pid: int) -> bool:
    """An ending process has no memory, and its /proc belongs to root (proc_pid_stat(5), vsize)."""
    fields = stat_fields(pid)
    return fields is not None and int(fields[20]) > 0


def _overlay_devices(pid: int) -> set[int]:
    """Return the devices of the overlays that a process sees (proc_pid_mountinfo(5))."""
    try:
        lines = Path(f"/proc/{pid}/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return set()
    numbers = [line.split()[2].split(":") for line in lines if " - overlay " in line]
    return {os.makedev(int(major), int(minor)) for major, minor in numbers}
