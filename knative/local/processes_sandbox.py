"""What a tenant's process can reach: which user it is and which folders it sees.

Builds and applications are hostile until proven otherwise. Started by root, each application (namespace) has a uid of its own and a file
system of bind mounts: the system's programs, the Python it runs on, its image, its pod's folder. Not started by root, bubblewrap gives the
same. Where neither works a process can only be stopped from inheriting our environment; that is `single-tenant mode`, and it is said aloud.
The state folder is in no plan, so no secret of the platform is either.
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

FIRST_UID, UIDS = 1_900_000_000, 100_000_000
"""Above what distributions, containers and systemd hand out."""
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc")
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x00020000, 1 << 14, 1 << 18


class Isolation(StrEnum):
    ROOT = "a uid and a file system for each application"
    BUBBLEWRAP = "bubblewrap"
    NONE = "single-tenant mode"


@dataclass(frozen=True, slots=True)
class Mount:
    source: str
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Sandbox:
    isolation: Isolation
    uid: int | None
    root: str
    """An empty folder on which the pod's file system is put together."""
    mounts: tuple[Mount, ...]
    links: tuple[tuple[str, str], ...]
    """(target, name)"""
    join: tuple[str, ...] = ()
    """Namespaces that are there already, its network's."""


def detect() -> Isolation:
    """By trying, once: the kernel, a container around us or a policy may each forbid it."""
    if os.geteuid() == 0 and _ends_well([sys.executable, "-I", "-S", "-c", _TRY_NAMESPACE]):
        return Isolation.ROOT
    bubblewrap = shutil.which("bwrap")
    trial = ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    if bubblewrap and os.geteuid() != 0 and _ends_well([bubblewrap, *trial]):
        return Isolation.BUBBLEWRAP
    return Isolation.NONE


_TRY_NAMESPACE = f"""
import ctypes, sys
libc = ctypes.CDLL(None)
sys.exit(libc.unshare({CLONE_NEWNS}) or libc.mount(b"none", b"/", None, {MS_REC | MS_PRIVATE}, None))
"""


def _ends_well(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@dataclass(frozen=True, slots=True)
class Standing:
    """What is enforced here, for people."""

    whole: bool
    words: str


def standing(isolation: Isolation, no_network: str, grouped: bool) -> Standing:
    """Nothing that is missing goes unsaid; anything by which one tenant reaches another or the platform is called single-tenant mode."""
    if isolation is Isolation.NONE:
        return Standing(
            False,
            "single-tenant mode: neither root's namespaces nor bubblewrap work here. Builds and applications run as this user: they can read what "
            "it reads and reach every port of this machine. Run only repositories that you trust, or: apt-get install bubblewrap slirp4netns",
        )
    memory = "memory, processes and CPU by control groups" if grouped else "memory by watching (control groups are root's), processes by user"
    if no_network:
        return Standing(
            False,
            f"single-tenant mode: {isolation.value}, but the network is shared ({no_network}). Builds and applications reach this machine's ports, "
            f"the database's and the broker's too. Run only repositories that you trust, or: apt-get install slirp4netns. Limits: {memory}",
        )
    return Standing(
        True,
        f"sandbox: {isolation.value}, a network for each pod with no way to this machine's ports. Limits: {memory}; disk by watching, as kubelets do",
    )


def uid_of(home: Path, namespace: str) -> int:
    """One user for one application, the same after every restart, without a table to keep."""
    number = int.from_bytes(hashlib.sha256(f"{home}\0{namespace}".encode()).digest()[:8], "big")
    return FIRST_UID + number % UIDS


def interpreters() -> tuple[str, ...]:
    """Where this Python's own programs and libraries are, if not in the system's folders."""
    found = {str(Path(each).resolve()) for each in (sys.base_prefix, sys.base_exec_prefix)}
    return tuple(sorted(each for each in found if not each.startswith("/usr/") and each != "/usr"))


def plan(
    isolation: Isolation,
    uid: int | None,
    root: Path,
    readable: Iterable[tuple[Path, str]],
    writable: Iterable[tuple[Path, str]],
    join: tuple[str, ...] = (),
) -> Sandbox:
    """The pod's world; `readable` and `writable` are (folder or file, where it is seen)."""
    mounts: dict[str, Mount] = {}
    links: list[tuple[str, str]] = []
    for folder in SYSTEM:
        if os.path.islink(folder):
            links.append((os.readlink(folder), folder))
        elif os.path.isdir(folder):
            mounts[folder] = Mount(folder, folder)
    resolver = os.path.realpath("/etc/resolv.conf")
    if not resolver.startswith("/etc/") and os.path.isfile(resolver):
        mounts[resolver] = Mount(resolver, resolver)
    for each in interpreters():
        mounts[each] = Mount(each, each)
    for source, target in readable:
        mounts[target] = Mount(str(source), target)
    for source, target in writable:
        mounts[target] = Mount(str(source), target, writable=True)
    for target in list(mounts):
        _make_room(target, mounts, links)
    return Sandbox(isolation, uid, str(root), tuple(mounts[target] for target in sorted(mounts)), tuple(links), join)


def _make_room(target: str, mounts: dict[str, Mount], links: list[tuple[str, str]]) -> None:
    """A mount below a read-only one needs a place to be mounted on; where there is none, the folder around it is shown entry by entry."""
    parent = os.path.dirname(target)
    while parent != "/":
        around = mounts.get(parent)
        if around is not None and not around.writable:
            if os.path.lexists(around.source + target[len(parent) :]):
                return
            del mounts[parent]
            for entry in os.scandir(around.source):
                place = f"{parent}/{entry.name}"
                if entry.is_symlink():
                    links.append((os.readlink(entry.path), place))
                elif entry.is_dir() or entry.is_file():
                    mounts.setdefault(place, Mount(entry.path, place))
            _make_room(target, mounts, links)
            return
        parent = os.path.dirname(parent)


def bubblewrap(sandbox: Sandbox, argv: Sequence[str], cwd: str) -> list[str]:
    """The same plan as an argument list of bwrap's."""
    words = [
        shutil.which("bwrap") or "bwrap",
        "--unshare-user",
        "--unshare-pid",
        "--unshare-ipc",
        "--die-with-parent",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
    ]
    if sandbox.join:  # its user is root in the namespaces that are there already, and must not be in its own
        words += ["--uid", str(os.getuid()), "--gid", str(os.getgid()), "--cap-drop", "ALL"]
    for mount in sandbox.mounts:
        words += ["--bind" if mount.writable else "--ro-bind", mount.source, mount.target]
    for target, name in sandbox.links:
        words += ["--symlink", target, name]
    return [*words, "--chdir", cwd, "--", *argv]


def subreaper() -> None:
    """Processes whose parent dies become our children, so that their end is still told to us."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
