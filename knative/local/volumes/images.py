"""Volumes as files with a file system inside. All calls block; run them in a thread.

`uid` names a claim or a snapshot: the uid of its object, so that a new object of the same name never finds the data of a former one.
"""

import errno
import fcntl
import os
import struct
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from knative.local.sandbox.disks import attached_device, copy_sparse, used_bytes
from knative.local.sandbox.launch_kernel import MNT_DETACH, MS_NOATIME, MS_NODEV, MS_NOSUID, kernel
from knative.local.trash import Trash
from knative.local.volumes.room import Room

BLOCK_BYTES = 4096
MIN_SIZE_BYTES = 16 << 20
"""The smallest file system with a journal."""
BYTES_PER_INODE = 16 << 10
DATA = "data"
"""The folder that holds the volume: the top folder stays the platform's, with lost+found."""
MOUNT_OPTIONS = "discard,noinit_itable,errors=remount-ro"
"""`discard`: what a tenant deletes returns to this machine's disk (a loop device punches holes, loop(4)). `noinit_itable`: the file is full of zeros
already, and writing them would take their space. ext4(5)."""
FIFREEZE, FITHAW = 0xC0045877, 0xC0045878
FICLONE = 0x40049409
LOOP_SET_CAPACITY = 0x4C07
EXT4_IOC_RESIZE_FS = 0x40086610
REPAIRED = (0, 1)
"""Codes of e2fsck(8): no errors, or errors that it has corrected."""
NO_REFLINK = (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY)


@dataclass(frozen=True, slots=True)
class VolumeUsage:
    used_bytes: int
    capacity_bytes: int
    """What the file system offers: its size less its own tables and journal."""


class VolumeImages:
    def __init__(self, folder: Path, trash: Trash) -> None:
        self._folder, self._trash = folder, trash

    def image(self, uid: str) -> Path:
        return self._folder / f"{uid}.img"

    def _mount_point(self, uid: str) -> Path:
        return self._folder / "mounted" / uid

    def open(self, uids: Iterable[str]) -> None:
        """Take over the volumes of a previous run: a copy that was interrupted left its volume frozen. Deletes those of other uids, and drafts."""
        known = set(uids)
        (self._folder / "mounted").mkdir(parents=True, exist_ok=True, mode=0o700)
        for place in (self._folder / "mounted").iterdir():
            if place.is_mount():
                with suppress(OSError), _opened(place) as descriptor:  # EINVAL: it is not frozen
                    fcntl.ioctl(descriptor, FITHAW, 0)
        for image in self._folder.glob("*.img"):
            if image.stem not in known:
                self.delete(image.stem)
        for draft in self._folder.glob(".*.draft"):
            self._trash.discard(draft)

    def close(self) -> None:
        """Unmount all volumes. What a container still holds is unmounted with its last process; the journal is for the rest."""
        with suppress(FileNotFoundError):
            for place in list((self._folder / "mounted").iterdir()):
                self._unmount(place)

    def room(self, reserve_bytes: int) -> Room:
        about = os.statvfs(self._folder)
        images = [(each.stat().st_size, used_bytes(each)) for each in self._folder.glob("*.img")]
        return Room(about.f_bavail * about.f_frsize, reserve_bytes, sum(max(size - used, 0) for size, used in images))

    def exists(self, uid: str) -> bool:
        return self.image(uid).exists()

    def size_bytes(self, uid: str) -> int:
        return self.image(uid).stat().st_size

    def stored_bytes(self, uid: str) -> int:
        """What the volume takes on this machine's disk."""
        return used_bytes(self.image(uid))

    def create(self, uid: str, size_bytes: int) -> None:
        """Create an empty volume. It exists completely or not at all. Raises OSError."""
        draft = self._draft(uid)
        with draft.open("wb") as file:
            file.truncate(_whole_blocks(size_bytes))
        options = ["-b", str(BLOCK_BYTES), "-m", "0", "-i", str(BYTES_PER_INODE), "-I", "256", "-E", "lazy_itable_init=1,nodiscard,root_owner=0:0"]
        argv = ["mke2fs", "-q", "-F", "-t", "ext4", *options, str(draft)]
        result = subprocess.run(argv, capture_output=True, text=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"}, check=False)
        if result.returncode != 0:
            draft.unlink(missing_ok=True)
            raise OSError(f"mke2fs: {result.stderr.strip()[-300:]}")
        self._publish(draft, uid)

    def copy(self, source: str, uid: str) -> bool:
        """Copy a volume as it is at this moment; its writers wait meanwhile.

        Returns whether the copy shares the blocks (a reflink), which takes no time.

        The file system is frozen (fsfreeze(8)): all that was written is in the file, and its journal is empty.
        """
        draft = self._draft(uid)
        with self._frozen(source):
            has_shared = _reflink(self.image(source), draft)
            if not has_shared:
                copy_sparse(self.image(source), draft)
        self._publish(draft, uid)
        return has_shared

    def _draft(self, uid: str) -> Path:
        return self._folder / f".{uid}.draft"

    def _publish(self, draft: Path, uid: str) -> None:
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(self.image(uid))
        with _opened(self._folder) as descriptor:
            os.fsync(descriptor)

    @contextmanager
    def _frozen(self, uid: str) -> Iterator[None]:
        place = self._mount_point(uid)
        if not place.is_mount():
            yield
            return
        with _opened(place) as descriptor:
            fcntl.ioctl(descriptor, FIFREEZE, 0)
            try:
                yield
            finally:
                fcntl.ioctl(descriptor, FITHAW, 0)

    def mount(self, uid: str) -> Path:
        """Mount a volume, once, and return the folder that containers bind. Raises OSError."""
        place = self._mount_point(uid)
        if not place.is_mount():
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            if (device := attached_device(self.image(uid))) is not None:
                opened = os.open(device, os.O_RDWR | os.O_CLOEXEC)  # a container holds it: another mount of one device is the same file system
            else:
                device, opened = kernel.loop_device(str(self.image(uid)))
            try:
                kernel.mount(device, str(place), "ext4", MS_NOSUID | MS_NODEV | MS_NOATIME, MOUNT_OPTIONS)
            finally:
                os.close(opened)
        data = place / DATA
        with suppress(FileExistsError):
            data.mkdir(mode=0o770)
        return data

    def give(self, uid: str, owner: int) -> None:
        """Give the volume's folder to a user (as it is inside containers). What is in it keeps its owners."""
        with _opened(self._mount_point(uid) / DATA) as descriptor:
            if os.fstat(descriptor).st_uid != owner:
                os.fchown(descriptor, owner, owner)

    def grow(self, uid: str, size_bytes: int) -> None:
        """Grow a volume while it is in use. Idempotent: a growth that was interrupted is completed. Raises OSError."""
        size_bytes = _whole_blocks(size_bytes)
        self.mount(uid)
        image, place = self.image(uid), self._mount_point(uid)
        if image.stat().st_size < size_bytes:
            os.truncate(image, size_bytes)
        number = os.minor(place.stat().st_dev)
        with _opened(Path(f"/dev/loop{number}"), os.O_RDWR) as device:
            fcntl.ioctl(device, LOOP_SET_CAPACITY, 0)
        try:
            with _opened(place) as descriptor:
                fcntl.ioctl(descriptor, EXT4_IOC_RESIZE_FS, struct.pack("Q", image.stat().st_size // BLOCK_BYTES))
        except PermissionError:
            self._grow_unmounted(uid)

    def _grow_unmounted(self, uid: str) -> None:
        """Where this process has no CAP_SYS_RESOURCE, only a file system that nothing uses can grow. Raises OSError."""
        image = self.image(uid)
        kernel.unmount(str(self._mount_point(uid)))
        if attached_device(image) is not None:
            self.mount(uid)
            raise OSError(errno.EBUSY, "on this machine a volume grows while nothing uses it: stop the environment until it has its size")
        for argv in (["e2fsck", "-f", "-p", str(image)], ["resize2fs", str(image)]):
            result = subprocess.run(argv, capture_output=True, text=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"}, check=False)
            if result.returncode not in REPAIRED:
                raise OSError(f"{argv[0]}: {result.stderr.strip()[-300:]}")
        self.mount(uid)

    def usage(self, uid: str) -> VolumeUsage | None:
        """Return what is used of a mounted volume; None when it is not mounted. Enters no folder of a tenant (statvfs(3))."""
        place = self._mount_point(uid)
        if not place.is_mount():
            return None
        about = os.statvfs(place)
        return VolumeUsage((about.f_blocks - about.f_bfree) * about.f_frsize, about.f_blocks * about.f_frsize)

    def delete(self, uid: str) -> None:
        """Delete a volume. A container that still has it keeps what it has until it ends; then the space is free. Idempotent."""
        self._unmount(self._mount_point(uid))
        self._trash.discard(self.image(uid))

    def _unmount(self, place: Path) -> None:
        if place.is_mount():
            kernel.unmount(str(place), MNT_DETACH)
        with suppress(FileNotFoundError):
            place.rmdir()


def _whole_blocks(size_bytes: int) -> int:
    return -(-max(size_bytes, MIN_SIZE_BYTES) // BLOCK_BYTES) * BLOCK_BYTES


def _reflink(source: Path, target: Path) -> bool:
    """Let a new file share the blocks of another (ioctl_ficlone(2)). Returns False where the file system has no such copies."""
    with source.open("rb") as reading, target.open("wb") as writing:
        try:
            fcntl.ioctl(writing.fileno(), FICLONE, reading.fileno())
        except OSError as error:
            if error.errno not in NO_REFLINK:
                raise
            return False
    return True


@contextmanager
def _opened(place: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    descriptor = os.open(place, flags | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
