"""Which kind of sandbox this machine allows, found out by trying once, and what is said of it to people.

Builds and applications are hostile until proven otherwise. Started by root, every container has a range of user ids, a file system, processes and a
network of its own (`launch`). Not started by root, bubblewrap gives the same but for the user ids. Where neither works, a process can only be kept
from inheriting our environment: that is single-tenant mode, and it is said aloud."""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from getpass import getuser
from pathlib import Path

from knative.local.sandbox import disks, seccomp
from knative.local.sandbox.bubblewrap import TRIAL, program
from knative.local.sandbox.launch_kernel import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    MS_PRIVATE,
    MS_REC,
)

INIT = "tini"
PR_SET_CHILD_SUBREAPER = 36


class Isolation(StrEnum):
    ROOT = "user ids, files and processes of its own for each container"
    BUBBLEWRAP = "bubblewrap"
    NONE = "single-tenant mode"


def detect() -> Isolation:
    """By trying, once: the kernel, a container around us or a policy may each forbid it."""
    if os.geteuid() == 0 and init_program() is not None and _succeeds([sys.executable, "-I", "-S", "-c", _TRY_NAMESPACES]):
        return Isolation.ROOT
    bubblewrap = program()
    if bubblewrap and os.geteuid() != 0 and _succeeds([sys.executable, "-I", "-S", _trial("trial_bubblewrap.py"), bubblewrap, *TRIAL]):
        return Isolation.BUBBLEWRAP
    return Isolation.NONE


_TRY_NAMESPACES = f"""
import ctypes, os, sys
libc = ctypes.CDLL(None)
flags = {CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWPID}
if libc.unshare(flags) or libc.mount(b"none", b"/", None, {MS_REC | MS_PRIVATE}, None):
    sys.exit(1)
child = os.fork()
if not child:
    os._exit(libc.unshare({CLONE_NEWUSER}) and 1)
sys.exit(os.waitpid(child, 0)[1])
"""


def init_program() -> str | None:
    """The init that reaps orphans inside of a container; None where it is not installed in a folder that containers see."""
    return shutil.which(INIT, path="/usr/bin:/bin:/usr/local/bin")


def _succeeds(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@dataclass(frozen=True, slots=True)
class Abilities:
    """What this machine enforces."""

    isolation: Isolation
    has_disks: bool
    """Disk images: bytes and inodes end with ENOSPC."""
    has_filter: bool
    """System call filter."""
    has_mapped_mounts: bool
    """ID-mapped mounts: an image's files belong to whoever runs it."""
    has_overlay: bool
    """A writable, ephemeral layer over an image."""


def abilities(state: Path) -> Abilities:
    """Tries everything once. `state`: a folder on the file system where images lie."""
    isolation = detect()
    is_root = isolation is Isolation.ROOT
    return Abilities(
        isolation,
        has_disks=is_root and _tries_disk(state),
        has_filter=isolation is not Isolation.NONE and seccomp.compile_filter() is not None,
        has_mapped_mounts=is_root and _succeeds([sys.executable, "-I", "-S", _trial("trial_mapped.py"), str(state)]),
        has_overlay=isolation is not Isolation.NONE and _succeeds([sys.executable, "-I", "-S", _trial("trial_overlay.py"), str(state)]),
    )


def _trial(name: str) -> str:
    return str(Path(__file__).with_name(name))


def _tries_disk(state: Path) -> bool:
    if not disks.is_available():
        return False
    return _succeeds([sys.executable, "-I", "-S", _trial("trial_disk.py"), str(state)])


@dataclass(frozen=True, slots=True)
class Standing:
    """What is enforced here, for people."""

    whole: bool
    words: str


def standing(found: Abilities, no_network: str, grouped: bool) -> Standing:
    """Nothing that is missing goes unsaid; anything by which one tenant reaches another or the platform is called single-tenant mode."""
    isolation = found.isolation
    if isolation is Isolation.NONE:
        return Standing(
            False,
            f"single-tenant mode: neither root's namespaces (with tini) nor bubblewrap work here. Builds and applications run as {getuser()}: they "
            "can read and change what this user may and reach every port of this machine. Run only repositories that you trust, or: "
            "apt-get install bubblewrap slirp4netns tini",
        )
    memory = "memory, processes and CPU by control groups" if grouped else "memory by watching (control groups are root's), processes by sandbox"
    disk = "disk by the kernel" if found.has_disks else "disk by watching, as kubelets do"
    weaker = "".join(f" {each}" for each in _weaker(found))
    if no_network:
        return Standing(
            False,
            f"single-tenant mode: {isolation.value}, but the network is shared ({no_network}). Builds and applications reach this machine's ports, "
            f"the database's and the broker's too. Run only repositories that you trust. Limits: {memory}; {disk}.{weaker}",
        )
    return Standing(True, f"sandbox: {isolation.value}, a network for each with no way to this machine's ports. Limits: {memory}; {disk}.{weaker}")


def _weaker(found: Abilities) -> list[str]:
    """A sentence for each thing that this machine lacks."""
    sentences = []
    if not found.has_filter:
        sentences.append("Weaker here: no system call filter (libseccomp is missing: apt-get install libseccomp2).")
    if found.isolation is Isolation.BUBBLEWRAP:
        sentences.append("Weaker here: without root all containers have one user id and are kept apart by namespaces alone.")
    elif not found.has_disks:
        sentences.append("Weaker here: no loop devices or mke2fs, so a container that exceeds its disk is ended after the fact.")
    if found.isolation is Isolation.ROOT and not found.has_mapped_mounts:
        sentences.append("Weaker here: the kernel has no ID-mapped mounts (Linux 5.19), so applications do not own the files of their image.")
    if not found.has_overlay:
        sentences.append("Weaker here: the kernel refuses overlay mounts, so an application's folder is read-only.")
    return sentences


def become_subreaper() -> None:
    """Processes whose parent dies become our children, so that their end is still reported to us (PR_SET_CHILD_SUBREAPER)."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
