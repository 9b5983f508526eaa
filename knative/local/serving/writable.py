"""Where a container writes: its root, /tmp, its home and its empty volumes.

With disk images (`sandbox.disks`) every one of them is bounded by the kernel, and this machine's own file system holds none of their files. Without
(a user who is not root, a kernel without loop devices) they are folders below the pod's, which `pod_limits` watches.

The root, /tmp and home are new at each start of a container, as a container's writable layer is; empty volumes live as long as the pod.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knative.local.processes_limits import EPHEMERAL, quantity
from knative.local.sandbox.disks import Disks, attached, used_bytes
from knative.local.sandbox.plan import ROOT_DISK, Disk, Mount
from knative.local.serving.pod_limits import Allowance, allowances
from knative.local.serving.volumes import Mounted
from knative.local.trash import Trash

HOME = "/home/app"
TERMINATION_LOG = "/dev/termination-log"
DATA = "data"
"""The folder at the top of a volume's disk that is the volume (`launch_mounts.DATA`)."""
CACHE_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class Writable:
    mounts: tuple[Mount, ...]
    disks: tuple[Disk, ...] = ()
    allowed: tuple[Allowance, ...] = ()
    """What must be watched; empty where the kernel refuses."""
    layer: str | None = None
    overlay: tuple[str, str, str, str] | None = None
    termination: Path | None = None
    """The container's last words as a file of this machine; None: they are on a disk."""


@dataclass(slots=True)
class Places:
    """One pod's. `kept`: the folder or disk image of its application's cache, when it is this pod's turn."""

    folder: Path
    spec: Mapping[str, Any]
    container: Mapping[str, Any]
    trash: Trash
    cache: str | None = None
    kept: Path | None = None
    _start: int = field(default=0)

    @property
    def is_root_writable(self) -> bool:
        """Unless the manifest says otherwise (securityContext, Kubernetes API reference)."""
        return not (self.container.get("securityContext") or {}).get("readOnlyRootFilesystem", False)

    @property
    def _last_words(self) -> str:
        return str(self.container.get("terminationMessagePath", TERMINATION_LOG))

    def on_disks(self, disks: Disks, mounted: list[Mounted]) -> Writable:
        """Raises OSError."""
        folder = self.folder / "disks"
        folder.mkdir(exist_ok=True, mode=0o700)
        self.trash.throw(folder / f"root-{self._start}.img")
        self._start += 1
        root = folder / f"root-{self._start}.img"
        limit = str(self.container.get("resources", {}).get("limits", {}).get("ephemeral-storage") or EPHEMERAL)
        disks.create(root, int(quantity(limit)))
        found = [Disk(ROOT_DISK, str(root))]
        mounts = [Mount(name, target, True, disk=ROOT_DISK) for name, target in (("tmp", "/tmp"), ("home", HOME))]
        mounts.append(Mount("termination-log", self._last_words, True, disk=ROOT_DISK, is_file=True))
        if self.is_root_writable:
            mounts.append(Mount("root", "/", True, disk=ROOT_DISK))
        for each in (each for each in mounted if each.volume is not None):
            is_cache = each.volume == self.cache and self.kept is not None
            image = self.kept if is_cache and self.kept else folder / f"volume-{each.volume}.img"
            if not image.exists():
                disks.create(image, CACHE_BYTES if is_cache else self._size_of(each.volume))
            if each.volume not in [disk.name for disk in found]:
                found.append(Disk(str(each.volume), str(image), mapped=is_cache))
            source = f"{DATA}/{each.sub_path}" if each.sub_path else DATA
            mounts.append(Mount(source, each.target, each.writable, mapped=is_cache, disk=each.volume))
        return Writable(tuple(mounts), tuple(found))

    def in_folders(self, mounted: list[Mounted], owner: int | None, maps: bool) -> Writable:
        """`owner`: whose they are to be; None: whoever runs us. `maps`: ID-mapped mounts can be made."""
        self.trash.throw(self.folder / "writable" / str(self._start))
        self._start += 1
        folder = self.folder / "writable" / str(self._start)
        names = ("root", "tmp", "home", "upper", "work", "merged")
        for name in names:
            (folder / name).mkdir(parents=True, mode=0o700)
            if owner is not None:
                os.chown(folder / name, owner, owner)
        termination = folder / "termination-log"
        termination.touch(0o600)
        if owner is not None:
            os.chown(termination, owner, owner)
        mounts = [Mount(str(folder / "tmp"), "/tmp", True), Mount(str(folder / "home"), HOME, True)]
        mounts.append(Mount(str(termination), self._last_words, True))
        if self.is_root_writable:
            mounts.append(Mount(str(folder / "root"), "/", True))
        for each in (each for each in mounted if each.volume is not None):
            is_cache = each.volume == self.cache and self.kept is not None
            source = str(self.kept) if is_cache else str(each.source)
            mounts.append(Mount(source, each.target, each.writable, mapped=is_cache and owner is not None and maps))
        watched = [folder / name for name in ("root", "tmp", "home", "upper")]
        allowed = allowances([*watched, termination], self.folder / "volumes", self.spec, self.container)
        overlay = None if owner is not None else (str(folder / "upper"), str(folder / "work"), str(folder / "merged"))
        layers = None if overlay is None else ("", *overlay)
        return Writable(tuple(mounts), (), tuple(allowed), str(folder), layers, termination)

    def _size_of(self, volume: str | None) -> int:
        for each in self.spec.get("volumes") or []:
            if each["name"] == volume:
                return int(quantity(str((each.get("emptyDir") or {}).get("sizeLimit") or EPHEMERAL)))
        return int(quantity(EPHEMERAL))

    def used_bytes(self) -> int:
        """What its disk images take on this machine, with the cache that it has."""
        return sum(used_bytes(image) for image in [*(self.folder / "disks").glob("*.img"), *([self.kept] if self.kept else [])])

    def is_attached(self) -> bool:
        """Whether a disk that outlives a container's start still belongs to an earlier one: the kernel detaches a moment after the last process."""
        images = [*(self.folder / "disks").glob("volume-*.img"), *([self.kept] if self.kept else [])]
        return attached(images)


def read_bounded(path: Path, limit: int) -> bytes:
    """The beginning of a regular file; nothing of a link, a pipe or a device that a tenant put there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(limit) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
