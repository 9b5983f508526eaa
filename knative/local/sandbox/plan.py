"""A container's sandbox as data: its kind, its mounts, its disks.

Pure, except that it looks up which folders this machine has.

A container sees the system's programs, the Python that runs it, its image at /app, its own writable folders and its
volumes. The state folder of the platform is in no plan, and of /etc only what programs need to find names, certificates
and libraries.
"""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from knative.local.sandbox.identities import Identity

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
SHARED_ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "fonts", "gai.conf", "gitconfig", "java-11-openjdk", "java-17-openjdk",
    "java-21-openjdk", "java-25-openjdk", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "magic", "maven", "mime.types", "netconfig",
    "nodejs", "openssl", "php", "pki", "protocols",
    "python3", "rpc", "services", "ssl", "terminfo", "timezone", "xml",
)  # fmt: skip
"""The entries of this machine's /etc that containers see. The rest (accounts, hosts, resolver) is written by
`make_etc`, the same for all."""
ROOT_DISK = "root"
NOLOGIN = "/usr/sbin/nologin"


class Isolation(StrEnum):
    ROOT = "user ids, files and processes of its own for each container"
    BUBBLEWRAP = "bubblewrap"
    NONE = "single-tenant mode"


@dataclass(frozen=True, slots=True)
class Mount:
    source: str
    """A file or folder of this machine; with `disk`, the name of a folder at that disk's top."""
    target: str
    writable: bool = False
    mapped: bool = False
    """ID-mapped: owners on the disk are ids as they are inside (user 1000) and become the container's own."""
    overlay: bool = False
    """Writable through an ephemeral layer above it."""
    disk: str | None = None
    """The name of the disk that holds the source; None: this machine."""
    is_file: bool = False
    """On a disk: an empty file to create."""
    mode: int = 0o700
    """On a disk: the permissions of the folder when it is created."""


@dataclass(frozen=True, slots=True)
class Disk:
    name: str
    image: str
    mapped: bool = False
    """Outlives its container and holds ids as they are inside."""
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Sandbox:
    isolation: Isolation
    uid: int | None
    """The user inside (1000, or the user of an image with a root of its own) with an identity, a user of this machine without one; None: the user
    who starts it."""
    root: str
    """An empty folder of the platform on which the container's file system is assembled."""
    mounts: tuple[Mount, ...]
    links: tuple[tuple[str, str], ...]
    """(target, name)"""
    join: tuple[str, ...] = ()
    """Paths of existing namespaces to enter: those of its network."""
    identity: Identity | None = None
    disks: tuple[Disk, ...] = ()
    hostname: str = "localhost"
    gid: int | None = None
    """None: the same number as the user's."""
    own_network: bool = False
    """Whether it gets a new, empty network namespace."""
    layer: str | None = None
    """A folder for the layers of overlays; None: they are on the root disk."""
    pid_namespace: bool = True
    overlay: tuple[str, str, str, str] | None = None
    """Without root: (lower, upper, work, merged), mounted before bubblewrap starts."""
    filter: bytes | None = None
    """System call filter, BPF."""
    init: str | None = None
    owner: int | None = None
    """The user inside that owns the writable folders; None: `uid`."""
    groups: tuple[int, ...] = ()
    """Supplementary groups inside."""
    capabilities: tuple[int, ...] = ()
    """Held over its own user namespace by processes whose user is 0 inside; empty: none, not even as user 0 (capabilities(7))."""
    has_read_only_root: bool = False
    """Whether an image's own root is read-only. A root that is no mount always is."""
    own_mounts: bool = False
    """Whether its mount namespace belongs to its own user namespace, so that its user 0 may mount inside it."""
    reader: bytes | None = None
    """The filter of programs that read what an ended container left; None: `filter`."""

    @property
    def has_own_root(self) -> bool:
        """Return whether `/` is the root file system of an image, which may lack every program of this machine."""
        return any(mount.target == "/" and mount.overlay for mount in self.mounts)


def interpreters() -> tuple[str, ...]:
    """Return the folders of this Python's programs and libraries that are outside of the system's folders."""
    found = {str(Path(each).resolve()) for each in (sys.base_prefix, sys.base_exec_prefix)}
    return tuple(sorted(each for each in found if not each.startswith("/usr/") and each != "/usr"))


HOSTS = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"


def system_mounts(etc: Path) -> tuple[list[Mount], list[tuple[str, str]]]:
    """Return (mounts, links) of the system's programs and libraries, this Python, and `etc` with the shared entries of this machine's /etc."""
    mounts, links = [], []
    for folder in SYSTEM:
        if os.path.islink(folder):
            links.append((os.readlink(folder), folder))
        elif os.path.isdir(folder):
            mounts.append(Mount(folder, folder))
    mounts += [Mount(each, each) for each in interpreters()]
    mounts.append(Mount(str(etc), "/etc"))
    mounts += [Mount(f"/etc/{name}", f"/etc/{name}") for name in SHARED_ETC if _needs_mount(etc / name)]
    return mounts, links


def _needs_mount(path: Path) -> bool:
    """A symbolic link needs no mount: `make_etc` copied it, and it leads to the same place from inside."""
    return os.path.lexists(path) and not path.is_symlink()


def arrange(mounts: Iterable[Mount], links: Iterable[tuple[str, str]]) -> tuple[tuple[Mount, ...], tuple[tuple[str, str], ...]]:
    """Return mounts and links in mounting order, outer before inner.

    Of several mounts with one target the last one wins.
    """
    placed = {mount.target: mount for mount in mounts}
    found = list(links)
    for target in list(placed):
        _make_room(target, placed, found)
    return tuple(placed[target] for target in sorted(placed)), tuple(found)


def write_hosts(path: Path, hostname: str) -> None:
    """Write /etc/hosts of one container, in which its host name resolves, as container runtimes do: programs listen on it, or look it up at start."""
    path.write_text(f"{HOSTS}127.0.0.1 {hostname}\n")
    path.chmod(0o644)


def make_etc(folder: Path) -> None:
    """Write /etc of every container: accounts, hosts, and empty mount points for the shared entries.

    Called once at each start of the platform.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    texts = {
        "passwd": f"root:x:0:0:root:/root:{NOLOGIN}\napp:x:1000:1000:app:/home/app:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:{NOLOGIN}\n",
        "group": "root:x:0:\napp:x:1000:\nnogroup:x:65534:\n",
        "hosts": HOSTS,
        "hostname": "localhost\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nprotocols: files\nservices: files\n",
        "resolv.conf": "",
        "os-release": _read_text("/etc/os-release"),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)
    for name in SHARED_ETC:
        place, own = folder / name, Path("/etc") / name
        if not os.path.lexists(own) or os.path.lexists(place):
            continue
        if own.is_symlink():
            place.symlink_to(os.readlink(own))
        elif own.is_dir():
            place.mkdir(mode=0o755)
        elif own.is_file():
            place.touch(mode=0o644)


def _read_text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _make_room(target: str, mounts: dict[str, Mount], links: list[tuple[str, str]]) -> None:
    """Make a mount below a read-only mount possible: without a mount point in it, its entries are mounted one by one instead of the folder."""
    parent = os.path.dirname(target)
    while parent != "/":
        around = mounts.get(parent)
        if around is not None and not around.writable and not around.overlay:  # a mount point is created in an overlay
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
