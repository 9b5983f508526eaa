"""Where a container writes: its root, /tmp, its home and its emptyDir volumes.

With disk images (`sandbox.disks`) the kernel limits each of them, and this machine's own file system holds none of
their files. Without them (users other than root, kernels without loop devices) they are folders below the pod's folder,
which `disk_limits` polls.

The root, /tmp and home are new at each start of a container, like a container's writable layer. EmptyDirs live as long
as the pod.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knative.local.processes.resource_limits import DEFAULT_EPHEMERAL_STORAGE
from knative.local.quantities import parse_quantity
from knative.local.sandbox.disks import Disks, are_attached, used_bytes
from knative.local.sandbox.plan import ROOT_DISK, Disk, Mount
from knative.local.serving.pods.disk_limits import DiskQuota, disk_quotas
from knative.local.serving.pods.volumes import MountedVolume
from knative.local.trash import Trash

HOME = "/home/app"
TERMINATION_LOG = "/dev/termination-log"
DATA = "data"
"""The folder at the top of a volume's disk that holds the volume (`launch_mounts.DATA`)."""
CACHE_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class WritableMounts:
    mounts: tuple[Mount, ...]
    disks: tuple[Disk, ...] = ()
    disk_quotas: tuple[DiskQuota, ...] = ()
    """Quotas to poll; empty where the kernel enforces them."""
    layer: str | None = None
    """A folder for the layers of overlays."""
    overlay: tuple[str, str, str] | None = None
    """Without root: (upper, work, merged)."""
    termination_file: Path | None = None
    """The container's termination message on this machine; None: it is on a disk image."""


@dataclass(slots=True)
class WritableStorage:
    """One pod's writable storage. `cache_volume`: the emptyDir that holds the build cache, if the pod has one."""

    folder: Path
    spec: Mapping[str, Any]
    container: Mapping[str, Any]
    trash: Trash
    cache_volume: str | None = None
    cache_path: Path | None = None
    """The folder or disk image of the application's build cache while this pod uses it."""
    _start: int = field(default=0)
    """Number of the container's start."""

    @property
    def is_root_writable(self) -> bool:
        """Whether the container may write to its root: unless `securityContext.readOnlyRootFilesystem` is set (Kubernetes API reference)."""
        return not (self.container.get("securityContext") or {}).get("readOnlyRootFilesystem", False)

    @property
    def _termination_path(self) -> str:
        return str(self.container.get("terminationMessagePath", TERMINATION_LOG))

    def create_on_disks(self, disks: Disks, mounted: list[MountedVolume], has_own_root: bool = False) -> WritableMounts:
        """Create disk images for the next start; the previous root is deleted.

        `has_own_root`: the root file system is the image's, so only /tmp and volumes are mounted there. Raises OSError.
        """
        folder = self.folder / "disks"
        folder.mkdir(exist_ok=True, mode=0o700)
        self.trash.discard(folder / f"root-{self._start}.img")
        self._start += 1
        root = folder / f"root-{self._start}.img"
        limit = str(self.container.get("resources", {}).get("limits", {}).get("ephemeral-storage") or DEFAULT_EPHEMERAL_STORAGE)
        disks.create(root, int(parse_quantity(limit)))
        created = [Disk(ROOT_DISK, str(root))]
        mounts = [Mount("tmp", "/tmp", True, disk=ROOT_DISK, mode=0o1777)]
        mounts.append(Mount("termination-log", self._termination_path, True, disk=ROOT_DISK, is_file=True))
        if not has_own_root:
            mounts.append(Mount("home", HOME, True, disk=ROOT_DISK))
            mounts += [Mount("root", "/", True, disk=ROOT_DISK)] if self.is_root_writable else []
        for each in (each for each in mounted if each.empty_dir is not None):
            is_cache = each.empty_dir == self.cache_volume and self.cache_path is not None
            image = self.cache_path if is_cache and self.cache_path else folder / f"volume-{each.empty_dir}.img"
            if not image.exists():
                disks.create(image, CACHE_BYTES if is_cache else self._size_bytes(each.empty_dir))
            if each.empty_dir not in [disk.name for disk in created]:
                created.append(Disk(str(each.empty_dir), str(image), mapped=is_cache))
            source = f"{DATA}/{each.sub_path}" if each.sub_path else DATA
            mounts.append(Mount(source, each.target, each.writable, mapped=is_cache, disk=each.empty_dir))
        return WritableMounts(tuple(mounts), tuple(created))

    def create_in_folders(
        self, mounted: list[MountedVolume], owner: int | None, has_mapped_mounts: bool, has_own_root: bool = False
    ) -> WritableMounts:
        """Create folders for the next start; the previous ones are deleted.

        `owner`: of the folders; None: the user who runs the platform.
        """
        self.trash.discard(self.folder / "writable" / str(self._start))
        self._start += 1
        folder = self.folder / "writable" / str(self._start)
        for name in ("root", "tmp", "home", "upper", "work", "merged"):
            (folder / name).mkdir(parents=True, mode=0o700)
            if owner is not None:
                os.chown(folder / name, owner, owner)
        termination_file = folder / "termination-log"
        termination_file.touch(0o600)
        if owner is not None:
            os.chown(termination_file, owner, owner)
        (folder / "tmp").chmod(0o1777)
        mounts = [Mount(str(folder / "tmp"), "/tmp", True), Mount(str(termination_file), self._termination_path, True)]
        if not has_own_root:
            mounts.append(Mount(str(folder / "home"), HOME, True))
            mounts += [Mount(str(folder / "root"), "/", True)] if self.is_root_writable else []
        for each in (each for each in mounted if each.empty_dir is not None):
            is_cache = each.empty_dir == self.cache_volume and self.cache_path is not None
            source = str(self.cache_path) if is_cache else str(each.source)
            mounts.append(Mount(source, each.target, each.writable, mapped=is_cache and owner is not None and has_mapped_mounts))
        root_folders = [folder / name for name in ("root", "tmp", "home", "upper")]
        quotas = disk_quotas([*root_folders, termination_file], self.folder / "volumes", self.spec, self.container)
        overlay = None if owner is not None else (str(folder / "upper"), str(folder / "work"), str(folder / "merged"))
        return WritableMounts(tuple(mounts), (), tuple(quotas), str(folder), overlay, termination_file)

    def _size_bytes(self, volume: str | None) -> int:
        for each in self.spec.get("volumes") or []:
            if each["name"] == volume:
                return int(parse_quantity(str((each.get("emptyDir") or {}).get("sizeLimit") or DEFAULT_EPHEMERAL_STORAGE)))
        return int(parse_quantity(DEFAULT_EPHEMERAL_STORAGE))

    def used_bytes(self) -> int:
        """Return what the pod's disk images take on this machine, the build cache included."""
        return sum(used_bytes(image) for image in [*(self.folder / "disks").glob("*.img"), *self._cache_paths()])

    def is_attached(self) -> bool:
        """Return whether a disk that outlives a start is still attached to an earlier container.

        The kernel detaches it after the last process.
        """
        return are_attached([*(self.folder / "disks").glob("volume-*.img"), *self._cache_paths()])

    def _cache_paths(self) -> list[Path]:
        return [self.cache_path] if self.cache_path else []


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """Read the beginning of a regular file.

    Returns b"" for anything else that a tenant may have put there (a link, a pipe, a device).
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(max_bytes) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
