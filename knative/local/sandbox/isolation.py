"""Detect which kind of sandbox this machine allows, by trying once, and describe it for people.

Builds and applications are treated as hostile. With root, every container has user ids, a file system, processes and a
network of its own (`launch`). Without root, bubblewrap gives the same except the user ids. Where neither works, a
process is only kept from inheriting the platform's environment: this is single-tenant mode, and `up` and `status`
report it.
"""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
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
from knative.local.sandbox.plan import Isolation

INIT = "tini"
PR_SET_CHILD_SUBREAPER = 36


def detect() -> Isolation:
    """Return the strongest kind that works. The kernel, a surrounding container or a policy may forbid each of them."""
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
    """Return the path of the init that reaps orphans inside a container; None when it is not installed in a folder that containers see."""
    return shutil.which(INIT, path="/usr/bin:/bin:/usr/local/bin")


def static_init_program() -> str | None:
    """Return the path of an init that runs without this machine's libraries, for images with a root of their own; None when there is none."""
    return shutil.which(f"{INIT}-static", path="/usr/bin:/bin:/usr/local/bin")


def _succeeds(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@dataclass(frozen=True, slots=True)
class Abilities:
    """What this machine can enforce."""

    isolation: Isolation
    has_disks: bool
    """Disk images: writes fail with ENOSPC when bytes or inodes run out."""
    has_filter: bool
    """System call filter."""
    has_mapped_mounts: bool
    """ID-mapped mounts: an image's files belong to the user of the container that runs it."""
    has_overlay: bool
    """A writable, ephemeral layer over an image."""

    @property
    def has_own_roots(self) -> bool:
        """Return whether images with a root file system of their own, and builds that make them, are possible."""
        return self.isolation is Isolation.ROOT and self.has_filter and self.has_mapped_mounts and self.has_overlay


def detect_abilities(state: Path) -> Abilities:
    """Try each ability once.

    `state`: a folder on the file system that holds the images. Blocking, up to some seconds.
    """
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
class IsolationReport:
    """What this machine enforces between tenants, for people."""

    is_complete: bool
    """False: a tenant can reach another tenant or the platform."""
    text: str


def report_isolation(found: Abilities, network_error: str, has_control_groups: bool) -> IsolationReport:
    """Describe what is enforced and everything that is missing.

    Single-tenant mode: a tenant can reach another tenant or the platform.

    `network_error`: why pods have no network of their own; "" when they have one.
    """
    isolation = found.isolation
    if isolation is Isolation.NONE:
        return IsolationReport(
            False,
            "single-tenant mode: neither root's namespaces (with tini) nor bubblewrap work here. Builds and applications run as "
            f"{getuser()}, can read and change everything that this user can, and reach every port of this machine. Run only repositories that "
            "you trust, or install a sandbox: apt-get install bubblewrap slirp4netns tini",
        )
    memory = (
        "memory, processes and CPU by control groups" if has_control_groups
        else "memory by polling (control groups need root), processes by the sandbox"
    )  # fmt: skip
    disk = "disk by the kernel" if found.has_disks else "disk by polling, as kubelets do"
    weaker = "".join(f" {each}" for each in _weaknesses(found))
    if network_error:
        return IsolationReport(
            False,
            f"single-tenant mode: {isolation.value}, but the network is shared ({network_error}). Builds and applications reach this machine's "
            f"ports, including the database's and the broker's. Run only repositories that you trust. Limits: {memory}; {disk}.{weaker}",
        )
    return IsolationReport(
        True, f"sandbox: {isolation.value}, a network for each that cannot reach this machine's ports. Limits: {memory}; {disk}.{weaker}"
    )


def _weaknesses(found: Abilities) -> list[str]:
    """Return a sentence for each ability that this machine lacks."""
    sentences = []
    if not found.has_filter:
        sentences.append("Weaker here: no system call filter (libseccomp is missing: apt-get install libseccomp2).")
    if found.isolation is Isolation.BUBBLEWRAP:
        sentences.append("Weaker here: without root all containers share one user id and are separated by namespaces alone.")
    elif not found.has_disks:
        sentences.append("Weaker here: no loop devices or mke2fs, so a container that exceeds its disk limit is ended after the fact.")
    if found.isolation is Isolation.ROOT and not found.has_mapped_mounts:
        sentences.append("Weaker here: the kernel has no ID-mapped mounts (Linux 5.19), so applications do not own the files of their image.")
    if not found.has_overlay:
        sentences.append("Weaker here: the kernel refuses overlay mounts, so an application's folder is read-only.")
    return sentences


def become_subreaper() -> None:
    """Adopt processes whose parent dies, so that their end is still reported to this process (PR_SET_CHILD_SUBREAPER)."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
