"""Containers of users other than root, created by bubblewrap (bwrap(1)): its arguments, and the container's first process.

bubblewrap creates the namespaces, mounts what the plan says, and starts process 1 of the PID namespace, which reaps
orphans and starts the program. bubblewrap itself stays outside and ends with the program, or when it is killed. Process
1 may outlive it for a moment. A container counts as ended when process 1 has ended, so that no process inside is left.
"""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from knative.local.sandbox.identities import APPLICATION_USER
from knative.local.sandbox.launch_mounts import MASKED
from knative.local.sandbox.plan import Sandbox

NAMESPACES = ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
IDENTITY = ["--uid", str(APPLICATION_USER), "--gid", str(APPLICATION_USER), "--cap-drop", "ALL"]
"""The same user as when root creates the container. It may be root in the namespace around its own; in its own it
must not be."""
SHARED_MEMORY_BYTES = 64 << 20
DEVICES = ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", str(SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm"]
"""After the root, before what is mounted into them."""
TRIAL = [*NAMESPACES, *IDENTITY, "--die-with-parent", "--new-session", "--ro-bind", "/", "/", *DEVICES, "--remount-ro", "/dev", "true"]
"""Arguments of a trial run: containers are possible if it succeeds."""
INFO_BYTES = 4096


def program() -> str | None:
    """Return the path of bubblewrap; None when it is not installed."""
    return shutil.which("bwrap", path=os.environ.get("PATH", os.defpath) + ":/usr/local/bin:/usr/bin:/bin")


def bubblewrap(sandbox: Sandbox, argv: Sequence[str], cwd: str, info: int, filter: int | None = None, *, has_terminal: bool = False) -> list[str]:
    """Return the command line that creates a planned sandbox.

    `info`: the descriptor to which bubblewrap writes its child's pid. `filter`: the descriptor from which it reads the
    system call filter. `has_terminal`: its session has a terminal that belongs to this container alone, and keeps it.
    """
    words = [program() or "bwrap", *NAMESPACES, *IDENTITY, "--hostname", sandbox.hostname, "--die-with-parent"]
    words += [] if has_terminal else ["--new-session"]
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
class ContainerInit:
    """Process 1 of a container. The code that follows its end closes the descriptor."""

    pid: int
    descriptor: int
    """A pidfd, readable when no process of the PID namespace is left (pid_namespaces(7))."""
    started_ticks: int
    """In clock ticks since boot."""

    def kill(self) -> None:
        """Kill it and with it every process of the container. Call it before `descriptor` is closed."""
        with suppress(ProcessLookupError, OSError):
            signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)


class ContainerInfo:
    """A pipe through which bubblewrap reports its child (--info-fd)."""

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe2(os.O_CLOEXEC)

    async def read(self, monitor: int, timeout_seconds: float) -> ContainerInit | None:
        """Return process 1 of the container; None when bubblewrap ended before it created one.

        `monitor`: the pid of bubblewrap.
        """
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
            await asyncio.wait_for(ended.wait(), timeout_seconds)
            return _open_init(int(json.loads(text)["child-pid"]), monitor) if text else None
        except (TimeoutError, ValueError, KeyError):
            return None
        finally:
            loop.remove_reader(self._reading)

    def close(self) -> None:
        for descriptor in (self._reading, self.writing):
            if descriptor >= 0:
                os.close(descriptor)


def _open_init(pid: int, monitor: int) -> ContainerInit | None:
    """Return None when the process has ended. The pid may then belong to another process, so its parent is compared."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    with suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()  # from the third on (proc_pid_stat(5))
        if int(fields[1]) in (monitor, os.getpid()):
            return ContainerInit(pid, descriptor, int(fields[19]))
    os.close(descriptor)
    return None
