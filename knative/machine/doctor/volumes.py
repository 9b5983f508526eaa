"""Whether a folder lies on an encrypted volume: dm-crypt (LUKS), fscrypt, ZFS.

Every device below the file system must be encrypted: one plain disk of a RAID shows its data. A virtual disk that its provider encrypts looks plain
here, and a container shows no devices: both are "not visible", which an operator can answer and this program cannot.
"""

import array
import fcntl
import os
import shutil
import subprocess
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

CRYPT = "CRYPT-"
"""Begins the uuid of a dm-crypt device (cryptsetup, Documentation/FAQ)."""
GET_ENCRYPTION_POLICY = 0xC0096616
"""FS_IOC_GET_ENCRYPTION_POLICY_EX (linux/fscrypt.h)."""
POLICY_BYTES = 64
ZFS_SECONDS = 10
MAX_DEPTH = 16
"""Of devices below each other."""


class State(Enum):
    ENCRYPTED = "encrypted"
    PLAIN = "not encrypted"
    NOT_VISIBLE = "not visible from here"


@dataclass(frozen=True, slots=True)
class Volume:
    """`how`: by what it is encrypted, or why it cannot be seen."""

    state: State
    how: str


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of /proc/self/mountinfo (proc_pid_mountinfo(5))."""

    device: str
    """major:minor."""
    point: str
    kind: str
    source: str


def volume_of(folder: Path, root: Path = Path("/")) -> Volume:
    """`root`: of /proc and /sys, for tests. Raises OSError."""
    if _has_fscrypt_policy(folder):
        return Volume(State.ENCRYPTED, "fscrypt")
    mount = mount_of(folder, parse_mounts((root / "proc/self/mountinfo").read_text()))
    if mount is None:
        return Volume(State.NOT_VISIBLE, "its file system is in no list of mounts")
    if mount.kind == "zfs":
        return _zfs(mount.source)
    return device_volume(mount, root)


def parse_mounts(text: str) -> list[Mount]:
    mounts = []
    for line in text.splitlines():
        fields, _, tail = line.partition(" - ")
        _, _, device, _, point, *_ = fields.split(" ")
        kind, source, *_ = tail.split(" ")
        mounts.append(Mount(device, point.encode().decode("unicode_escape"), kind, source))
    return mounts


def mount_of(folder: Path, mounts: list[Mount]) -> Mount | None:
    """Return the mount that holds a folder: the longest mount point above it, and of equal ones the last."""
    above = [mount for mount in mounts if folder.is_relative_to(mount.point)]
    return max(enumerate(above), key=lambda each: (len(each[1].point), each[0]))[1] if above else None


def device_volume(mount: Mount, root: Path = Path("/")) -> Volume:
    """Follow the block device of a mount down to the disks, in sysfs."""
    if mount.kind in ("overlay", "tmpfs", "nfs", "nfs4", "9p", "fuse", "virtiofs"):
        return Volume(State.NOT_VISIBLE, f"its file system is {mount.kind}")
    device = root / "sys/dev/block" / mount.device
    if not mount.device or not device.exists():  # swap space has no number here, and btrfs has numbers of its own
        source = (root / mount.source.lstrip("/")).resolve()  # /dev/mapper/NAME is a link to /dev/dm-N
        device = root / "sys/class/block" / source.name
    if not device.exists():
        return Volume(State.NOT_VISIBLE, f"sysfs does not show {mount.source}")
    if _is_encrypted(device, MAX_DEPTH):
        return Volume(State.ENCRYPTED, f"dm-crypt below {mount.source}")
    return Volume(State.PLAIN, mount.source)


def _is_encrypted(device: Path, depth: int) -> bool:
    """Whether all paths from a device to disks lead through dm-crypt."""
    try:
        if (device / "dm" / "uuid").read_text().startswith(CRYPT):
            return True
    except OSError:
        pass  # no device-mapper device
    below = sorted((device / "slaves").iterdir()) if (device / "slaves").is_dir() else []
    return depth > 0 and bool(below) and all(_is_encrypted(each, depth - 1) for each in below)


def _has_fscrypt_policy(folder: Path) -> bool:
    policy = array.array("B", (POLICY_BYTES - 8).to_bytes(8, "little") + bytes(POLICY_BYTES - 8))
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(descriptor, GET_ENCRYPTION_POLICY, policy, True)
    except OSError:  # the file system has none, or the folder
        return False
    finally:
        os.close(descriptor)
    return True


def _zfs(dataset: str) -> Volume:
    program = shutil.which("zfs", path="/usr/sbin:/sbin:/usr/bin")
    if program is None:
        return Volume(State.NOT_VISIBLE, "the program zfs is missing")
    try:
        result = subprocess.run([program, "get", "-H", "-o", "value", "encryption", dataset], capture_output=True, text=True, timeout=ZFS_SECONDS)
    except subprocess.TimeoutExpired:
        return Volume(State.NOT_VISIBLE, "zfs does not answer")
    value = result.stdout.strip()
    if result.returncode != 0 or not value:
        return Volume(State.NOT_VISIBLE, f"zfs does not tell: {result.stderr.strip()[:100]}")
    return Volume(State.PLAIN, f"ZFS {dataset}") if value == "off" else Volume(State.ENCRYPTED, f"ZFS {value}")
