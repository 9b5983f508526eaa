"""Containers made by bubblewrap (bwrap(1)), for whoever is not root: its arguments, and the container's first process.

bubblewrap makes the namespaces, mounts what the plan says, starts process 1 of the PID namespace (which reaps orphans) and below it the program. It
stays outside itself and ends with the program, or when it is killed. Process 1 may outlive it for a moment: it is asked for, so that a container has
ended only when nothing in it runs any more.
"""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from knative.local.sandbox.identities import USER
from knative.local.sandbox.launch_mounts import MASKED

if TYPE_CHECKING:
    from knative.local.sandbox.plan import Sandbox

NAMESPACES = ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
IDENTITY = ["--uid", str(USER), "--gid", str(USER), "--cap-drop", "ALL"]
"""The same user as with root. Its user may be root in a namespace around its own, and must not be in its own."""
SHARED_MEMORY_BYTES = 64 << 20
DEVICES = ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", str(SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm"]
"""After the root, before what is mounted into them."""
TRIAL = [*NAMESPACES, *IDENTITY, "--die-with-parent", "--new-session", "--ro-bind", "/", "/", *DEVICES, "--remount-ro", "/dev", "true"]
"""What must work for containers to be made."""
INFO_BYTES = 4096


def program() -> str | None:
    """Where bubblewrap is; None when it is not installed."""
    return shutil.which("bwrap", path=os.environ.get("PATH", os.defpath) + ":/usr/local/bin:/usr/bin:/bin")


def bubblewrap(sandbox: "Sandbox", argv: Sequence[str], cwd: str, info: int, filter: int | None = None) -> list[str]:
    """The plan as bubblewrap's command. `info`: the descriptor to which it writes its child; `filter`: from which it reads the system call filter."""
    words = [program() or "bwrap", *NAMESPACES, *IDENTITY, "--hostname", sandbox.hostname, "--die-with-parent", "--new-session"]
    words += ["--info-fd", str(info)]
    if sandbox.own_network:
        words.append("--unshare-net")
    if filter is not None:
        words += ["--seccomp", str(filter)]
    root = [mount for mount in sandbox.mounts if mount.target == "/"]
    for mount in root:
        words += ["--bind", mount.source, "/"]
    words += [*DEVICES, *_masked()]
    for mount in (mount for mount in sandbox.mounts if mount.target != "/"):
        is_overlay = mount.overlay and sandbox.overlay is not None
        source = sandbox.overlay[3] if is_overlay and sandbox.overlay else mount.source
        words += ["--bind" if mount.writable or is_overlay else "--ro-bind", source, mount.target]
    for target, name in sandbox.links:
        words += ["--symlink", target, name]
    for place in ("/dev", *([] if root else ["/"])):
        words += ["--remount-ro", place]
    return [*words, "--chdir", cwd, "--", *argv]


def _masked() -> list[str]:
    words = []
    for name in MASKED:
        place = f"/proc/{name}"
        if os.path.isdir(place):
            words += ["--size", "4096", "--tmpfs", place, "--remount-ro", place]
        elif os.path.lexists(place):
            words += ["--dev-bind", "/dev/null", place]
    return words


@dataclass(frozen=True, slots=True)
class Inner:
    """Process 1 of a container; whoever follows its end closes the descriptor."""

    pid: int
    descriptor: int
    """A pidfd: readable when no process of the PID namespace is left (pid_namespaces(7))."""
    started: int
    """In clock ticks since boot."""

    def kill(self) -> None:
        """With it ends everything inside. Before `descriptor` is closed."""
        with suppress(ProcessLookupError, OSError):
            signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)


class Info:
    """A pipe through which bubblewrap says which process is its child (--info-fd)."""

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe2(os.O_CLOEXEC)

    async def read(self, monitor: int, seconds: float) -> Inner | None:
        """None when bubblewrap ended before it had made a container. `monitor`: bubblewrap's process."""
        os.close(self.writing)
        self.writing = -1
        loop = asyncio.get_running_loop()
        text, ended = bytearray(), asyncio.Event()
        os.set_blocking(self._reading, False)

        def readable() -> None:
            data = os.read(self._reading, INFO_BYTES)
            text.extend(data)
            if not data or len(text) > INFO_BYTES:
                loop.remove_reader(self._reading)
                ended.set()

        loop.add_reader(self._reading, readable)
        try:
            await asyncio.wait_for(ended.wait(), seconds)
            return _opened(int(json.loads(text)["child-pid"]), monitor) if text else None
        except (TimeoutError, ValueError, KeyError):
            return None
        finally:
            loop.remove_reader(self._reading)

    def close(self) -> None:
        for descriptor in (self._reading, self.writing):
            if descriptor >= 0:
                os.close(descriptor)


def _opened(pid: int, monitor: int) -> Inner | None:
    """None when it has ended, and the number may be somebody else's."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    with suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()  # from the third on (proc_pid_stat(5))
        if int(fields[1]) in (monitor, os.getpid()):
            return Inner(pid, descriptor, int(fields[19]))
    os.close(descriptor)
    return None
