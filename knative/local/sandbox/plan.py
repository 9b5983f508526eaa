"""What a container sees of the file system: a list of mounts, worked out from what it is given (pure but for looking what this machine has).

The system's programs and the Python it runs on, its image at /app, its own writable folders and volumes: the state folder of the platform is in no
plan, and of /etc only what programs need to find names, certificates and libraries."""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from knative.local.sandbox.identities import Identity
from knative.local.sandbox.isolation import Isolation

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
OF_ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "fonts", "gai.conf", "gitconfig", "java-17-openjdk", "java-21-openjdk",
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "magic", "mime.types", "netconfig", "nodejs", "openssl", "pki", "protocols",
    "python3", "rpc", "services", "ssl", "terminfo", "timezone", "xml",
)  # fmt: skip
"""What of this machine's /etc a container sees; the rest of it (accounts, hosts, resolver) is the platform's own and the same for all."""
ROOT_DISK = "root"
NOLOGIN = "/usr/sbin/nologin"


@dataclass(frozen=True, slots=True)
class Mount:
    source: str
    """A file or folder of this machine; with `disk`, the name of a folder at that disk's top."""
    target: str
    writable: bool = False
    mapped: bool = False
    """Owners on the disk are ids as they are inside (user 1000), and become the container's own."""
    overlay: bool = False
    """Writable by an ephemeral layer above it."""
    disk: str | None = None
    is_file: bool = False
    """On a disk: a file, made empty."""


@dataclass(frozen=True, slots=True)
class Disk:
    name: str
    image: str
    mapped: bool = False
    """It outlives its container and holds ids as they are inside."""
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Sandbox:
    isolation: Isolation
    uid: int | None
    """The user inside: 1000 with an identity, a user of this machine without one, None: whoever starts it."""
    root: str
    """An empty folder of the platform's, on which the container's file system is assembled."""
    mounts: tuple[Mount, ...]
    links: tuple[tuple[str, str], ...]
    """(target, name)"""
    join: tuple[str, ...] = ()
    """Namespaces that are there already, its network's."""
    identity: Identity | None = None
    disks: tuple[Disk, ...] = ()
    hostname: str = "localhost"
    gid: int | None = None
    """The group; None: of the same number as the user."""
    own_network: bool = False
    """A network namespace that is new and empty."""
    layer: str | None = None
    """A folder for the layers of overlays; None: they lie on the root disk."""
    pid_namespace: bool = True
    overlay: tuple[str, str, str, str] | None = None
    """Without root: (lower, upper, work, merged), mounted before bubblewrap starts."""
    filter: bytes | None = None
    """System call filter, BPF."""
    init: str | None = None


def interpreters() -> tuple[str, ...]:
    """Where this Python's own programs and libraries are, if not in the system's folders."""
    found = {str(Path(each).resolve()) for each in (sys.base_prefix, sys.base_exec_prefix)}
    return tuple(sorted(each for each in found if not each.startswith("/usr/") and each != "/usr"))


def system_mounts(etc: Path) -> tuple[list[Mount], list[tuple[str, str]]]:
    """The system's programs and libraries, this Python, and `etc` with what it lacks from this machine's; (mounts, links)."""
    mounts, links = [], []
    for folder in SYSTEM:
        if os.path.islink(folder):
            links.append((os.readlink(folder), folder))
        elif os.path.isdir(folder):
            mounts.append(Mount(folder, folder))
    mounts += [Mount(each, each) for each in interpreters()]
    mounts.append(Mount(str(etc), "/etc"))
    mounts += [Mount(f"/etc/{name}", f"/etc/{name}") for name in OF_ETC if _is_real(etc / name)]
    return mounts, links


def _is_real(path: Path) -> bool:
    """A link leads to the same place from inside; what is no link is mounted."""
    return os.path.lexists(path) and not path.is_symlink()


def arranged(mounts: Iterable[Mount], links: Iterable[tuple[str, str]]) -> tuple[tuple[Mount, ...], tuple[tuple[str, str], ...]]:
    """In the order in which they are mounted, the outer before the inner; the last one named of a place is the one that is there."""
    placed = {mount.target: mount for mount in mounts}
    found = list(links)
    for target in list(placed):
        _make_room(target, placed, found)
    return tuple(placed[target] for target in sorted(placed)), tuple(found)


def make_etc(folder: Path) -> None:
    """/etc of every container: accounts, hosts, and empty places for what is mounted of this machine's. Written once at each start."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    texts = {
        "passwd": f"root:x:0:0:root:/root:{NOLOGIN}\napp:x:1000:1000:app:/home/app:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:{NOLOGIN}\n",
        "group": "root:x:0:\napp:x:1000:\nnogroup:x:65534:\n",
        "hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n",
        "hostname": "localhost\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nprotocols: files\nservices: files\n",
        "resolv.conf": "",
        "os-release": _text("/etc/os-release"),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)
    for name in OF_ETC:
        place, own = folder / name, Path("/etc") / name
        if not os.path.lexists(own) or os.path.lexists(place):
            continue
        if own.is_symlink():
            place.symlink_to(os.readlink(own))
        elif own.is_dir():
            place.mkdir(mode=0o755)
        elif own.is_file():
            place.touch(mode=0o644)


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


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
                    mounts.setdefault(place, replace(around, source=entry.path, target=place))
            _make_room(target, mounts, links)
            return
        parent = os.path.dirname(parent)
