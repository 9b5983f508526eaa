"""Assemble a container's file system mount by mount, as root in a new mount namespace.

Used by `launch`.

    scratch    an empty folder of the platform; a tmpfs is mounted there, and disks inside it
    root       becomes `/`: a folder of the writable disk, a tmpfs that is read-only in the end (readOnlyRootFilesystem), or an image with a root
               file system of its own below a writable layer

Nothing here follows a path that a tenant could have written: a writable disk is formatted anew for each start, what
outlives a start (a volume) is mounted whole, by its top folder, and a mount point in an image's root is refused when a
link leads there.
"""

import fcntl
import os
import stat
import struct

from knative.local.sandbox.launch_kernel import (
    CLONE_NEWNS,
    MNT_DETACH,
    MS_BIND,
    MS_NOATIME,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    kernel,
)

TIOCSPTLCK, TIOCGPTN = 0x40045431, 0x80045430
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
DEVICE_LINKS = (
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
)
MASKED = ("acpi", "asound", "kcore", "keys", "latency_stats", "sched_debug", "scsi", "timer_list", "timer_stats", "interrupts")
"""Hidden entries of /proc: the default maskedPaths of the OCI runtime specification (config-linux)."""
READ_ONLY = ("bus", "fs", "irq", "sys", "sysrq-trigger")
"""Read-only entries of /proc: readonlyPaths of the same specification."""
DATA = "data"
"""The folder on a volume's disk that holds the volume."""
SAFE = MS_NOSUID | MS_NODEV
"""On every mount of a tenant's, but for the new disks of a build of Dockerfiles: buildah mounts their folders again with flags of its own, and the
kernel lets nobody clear these two. Neither matters there: nobody inside can create a device, and no set-user-ID program gains a right, since
`no_new_privs` is set (prctl(2))."""


def assemble(spec: dict, user_namespace: int | None) -> None:  # type: ignore[type-arg]
    """Mount everything but /proc below `spec["root"]`."""
    scratch = spec["root"]
    kernel.mount("none", "/", "", MS_REC | MS_PRIVATE)
    kernel.mount("tmpfs", scratch, "tmpfs", SAFE, "mode=755,size=1m")
    disks = {}
    for disk in spec["disks"]:
        disks[disk["name"]] = _mount_disk(disk, f"{scratch}/disks/{disk['name']}", user_namespace, _flags(spec, disk))
    root = f"{scratch}/root"
    os.mkdir(root, 0o755)
    owner = spec["owner"]
    top = _top(spec)
    layer = spec["layer"] or disks.get("root", "")
    if top is None:
        kernel.mount("tmpfs", root, "tmpfs", SAFE, "mode=755,size=1m")
    elif top["overlay"]:
        _mount_overlay(top, top["source"], root, layer, spec["first_id"], user_namespace)
    else:
        source = _source_on_disk(top, disks, owner) if top["disk"] else top["source"]
        os.chmod(source, 0o755)
        kernel.mount(source, root, "", MS_BIND)
        kernel.mount("none", root, "", MS_BIND | MS_REMOUNT | SAFE)
    _mount_devices(root)
    for mount in spec["mounts"]:
        if mount is not top:
            _mount(mount, root, disks, layer, owner, user_namespace, _flags(spec, mount) if mount["writable"] else SAFE | MS_RDONLY)
    for target, name in spec["links"]:
        os.makedirs(os.path.dirname(root + name), exist_ok=True)
        os.symlink(target, root + name)
    _create_folder(root, "/proc")
    if top is not None and not top["overlay"]:
        _create_root_folders(root, owner)


def _flags(spec: dict, place: dict) -> int:  # type: ignore[type-arg]
    """`place`: a disk or a mount."""
    return 0 if spec["own_mounts"] and not place["mapped"] else SAFE


def has_own_root(spec: dict) -> bool:  # type: ignore[type-arg]
    """Return whether `/` is the root file system of an image."""
    top = _top(spec)
    return top is not None and bool(top["overlay"])


def _top(spec: dict) -> dict | None:  # type: ignore[type-arg]
    return next((mount for mount in spec["mounts"] if mount["target"] == "/"), None)


def _create_root_folders(root: str, owner: int) -> None:
    """Create the usual folders of a writable root that no mount has created; they belong to the application."""
    for name in ("var", "run", "srv", "opt", "mnt", "media"):
        place = f"{root}/{name}"
        if not os.path.lexists(place):
            os.mkdir(place, 0o755)
            os.chown(place, owner, owner)


def _mount_disk(disk: dict, place: str, user_namespace: int | None, flags: int) -> str:  # type: ignore[type-arg]
    """Mount a disk image.

    One that outlives its container (`mapped`) holds ids as they are inside; the others hold the container's own ids.
    """
    os.makedirs(place)
    device, opened = kernel.loop_device(disk["image"], disk["read_only"])
    try:
        kernel.mount(device, place, "ext4", flags | MS_NOATIME | (MS_RDONLY if disk["read_only"] else 0))
    finally:
        os.close(opened)
    if disk["mapped"] and not disk["read_only"]:
        _ensure_folder(place, DATA, disk["owner"])  # the top folder stays the platform's: it holds lost+found and nothing of a tenant
    if disk["mapped"] and user_namespace is not None:
        kernel.mount_mapped(place, place, user_namespace)
    return place


def _mount(mount: dict, root: str, disks: dict[str, str], layer: str, owner: int, user_namespace: int | None, flags: int) -> None:  # type: ignore[type-arg]
    place = root + mount["target"]
    source = _source_on_disk(mount, disks, owner) if mount["disk"] else mount["source"]
    _create_mount_point(root, mount["target"], os.path.isdir(source))
    if mount["overlay"]:
        _mount_overlay(mount, source, place, layer, owner, user_namespace)
        return
    if mount["mapped"] and not mount["disk"] and user_namespace is not None:
        kernel.mount_mapped(source, place, user_namespace)
    else:
        kernel.mount(source, place, "", MS_BIND)
    kernel.mount("none", place, "", MS_BIND | MS_REMOUNT | flags)


def _source_on_disk(mount: dict, disks: dict[str, str], owner: int) -> str:  # type: ignore[type-arg]
    disk = disks[mount["disk"]]
    if mount["is_file"]:
        place = f"{disk}/{mount['source']}"
        os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        os.chown(place, owner, owner)
        return place
    return _ensure_folder(disk, mount["source"], None if mount["mapped"] else owner, mount["mode"])


def _ensure_folder(disk: str, name: str, owner: int | None, mode: int = 0o700) -> str:
    """Return a folder of a disk; create it if necessary, never through a link.

    No process of the container runs at this time.
    """
    place = disk
    for part in name.split("/"):
        place = f"{place}/{part}"
        if not os.path.lexists(place):
            os.mkdir(place, 0o700)
            os.chmod(place, mode)
            if owner is not None:
                os.chown(place, owner, owner, follow_symlinks=False)
        if not stat.S_ISDIR(os.lstat(place).st_mode):
            raise OSError(f"{name} is not a folder of its disk")
    return place


def _create_mount_point(root: str, target: str, is_folder: bool) -> None:
    if is_folder:
        _create_folder(root, target)
        return
    _create_folder(root, os.path.dirname(target))
    if not os.path.lexists(root + target):
        os.close(os.open(root + target, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o644))
    if not stat.S_ISREG(os.lstat(root + target).st_mode):
        raise OSError(f"{target} cannot be mounted: the image has something else than a file there")


def _create_folder(root: str, target: str) -> None:
    """Create a folder and those above it, never through a link: the root may be an image's."""
    place = root
    for part in target.strip("/").split("/"):
        place = f"{place}/{part}" if part else place
        if not os.path.lexists(place):
            os.mkdir(place, 0o755)
        if not stat.S_ISDIR(os.lstat(place).st_mode):
            raise OSError(f"{target} cannot be mounted: the image has a link or a file at {place[len(root) :]}")


def _mount_overlay(mount: dict, source: str, place: str, layer: str, owner: int, user_namespace: int | None) -> None:  # type: ignore[type-arg]
    """Mount the image below the container's own writable layer, which ends with the container (Documentation/filesystems/overlayfs)."""
    lower = f"{layer}/lower"
    os.mkdir(lower, 0o755)
    if mount["mapped"] and user_namespace is not None:
        kernel.mount_mapped(source, lower, user_namespace)
    else:
        kernel.mount(source, lower, "", MS_BIND)
    for name in ("upper", "work"):
        if not os.path.lexists(f"{layer}/{name}"):  # without disks they exist already, and are new
            os.mkdir(f"{layer}/{name}", 0o755)
            os.chown(f"{layer}/{name}", owner, owner)
    kernel.mount("overlay", place, "overlay", SAFE, f"lowerdir={lower},upperdir={layer}/upper,workdir={layer}/work")


def mount_overlay_as_user(overlay: dict) -> None:  # type: ignore[type-arg]
    """Mount an overlay without root, inside a user namespace that was joined (overlayfs, `userxattr`)."""
    kernel.unshare(CLONE_NEWNS)
    kernel.mount("none", "/", "", MS_REC | MS_PRIVATE)
    options = f"lowerdir={overlay['lower']},upperdir={overlay['upper']},workdir={overlay['work']},userxattr"
    kernel.mount("overlay", overlay["merged"], "overlay", SAFE, options)


def _mount_devices(root: str) -> None:
    _create_folder(root, "/dev")
    kernel.mount("tmpfs", root + "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=64k")
    for device in DEVICES:
        place = f"{root}/dev/{device}"
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o666))
        kernel.mount(f"/dev/{device}", place, "", MS_BIND)
    for name, target in DEVICE_LINKS:
        os.symlink(target, f"{root}/dev/{name}")
    for name in ("shm", "pts"):
        os.mkdir(f"{root}/dev/{name}")
    kernel.mount("tmpfs", root + "/dev/shm", "tmpfs", SAFE | MS_NOEXEC, "mode=1777,size=64m")
    kernel.mount("devpts", root + "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")


def open_terminal(spec: dict) -> tuple[int, int]:  # type: ignore[type-arg]
    """Open a pseudo-terminal in the container's own /dev/pts, so that programs inside find its name (pts(4), ioctl_tty(2)).

    Returns descriptors of both ends.
    """
    folder = f"{spec['root']}/root/dev/pts"
    master = os.open(f"{folder}/ptmx", os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(master, TIOCSPTLCK, struct.pack("i", 0))
    (number,) = struct.unpack("i", fcntl.ioctl(master, TIOCGPTN, struct.pack("i", 0)))
    slave = os.open(f"{folder}/{number}", os.O_RDWR | os.O_NOCTTY)
    os.fchown(slave, spec["owner"], spec["owner"])
    return master, slave


def enter_root(spec: dict) -> None:  # type: ignore[type-arg]
    """Mount /proc and make this the root; the old root is unmounted (pivot_root(2)).

    Called in the new PID namespace, if there is one.
    """
    root = f"{spec['root']}/root"
    kernel.mount("proc", root + "/proc", "proc", SAFE | MS_NOEXEC, "" if spec["pid_namespace"] else "hidepid=2")
    for name in MASKED:
        place = f"{root}/proc/{name}"
        if os.path.isdir(place):
            kernel.mount("tmpfs", place, "tmpfs", MS_RDONLY | SAFE | MS_NOEXEC, "size=0k")
        elif os.path.lexists(place):
            kernel.mount("/dev/null", place, "", MS_BIND)
    for name in READ_ONLY:
        place = f"{root}/proc/{name}"
        if os.path.lexists(place):
            kernel.mount(place, place, "", MS_BIND | MS_REC)
            kernel.mount("none", place, "", MS_BIND | MS_REMOUNT | MS_RDONLY | SAFE | MS_NOEXEC)
    kernel.mount("none", root + "/dev", "", MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NOEXEC)
    if spec["read_only_root"]:
        kernel.mount("none", root, "", MS_BIND | MS_REMOUNT | MS_RDONLY | SAFE)
    os.chdir(root)
    kernel.pivot_root(".", ".")
    kernel.unmount(".", MNT_DETACH)
    os.chdir("/")
