"""A started process: its signals and its end.

`launcher` executes a program afresh (applications, builds, everything with a file system of its own); `zygote` forks
the platform's own programs in a few milliseconds. Either way a process inherits only the environment and the
descriptors that its `Command` names. The end of a process is read from a pidfd, which also works for processes whose
parent has died.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from knative.local.processes.procfs import descendants, session_members, start_time_ticks
from knative.local.sandbox.bubblewrap import ContainerInit
from knative.local.sandbox.plan import Sandbox


@dataclass(frozen=True, slots=True)
class Command:
    """What to execute, and with what."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    limits: Mapping[str, int] = field(default_factory=dict)
    """RLIMIT_… → value (getrlimit(2))."""
    cgroups: tuple[str, ...] = ()
    """Folders of the control groups that it joins."""
    sandbox: Sandbox | None = None
    listen: tuple[int, ...] = ()
    """Sockets that it inherits as file descriptors 3, 4, … (LISTEN_FDS, sd_listen_fds(3))."""
    uid: int | None = None
    """The user of a process of the platform; `gid` is its group."""
    gid: int | None = None
    stdin: int | None = None
    """A descriptor to read from; None: /dev/null."""
    has_terminal: bool = False
    """Whether a new pseudo-terminal is its standard input, output and error, and its controlling terminal (`Process.terminal`)."""


class StartError(Exception):
    """The process could not be started. The message says what the kernel or the launcher refused."""


class ContainerNamespaces:
    """Descriptors of a container's mount and user namespace.

    They keep its file system after its processes have ended, until `close`.
    """

    def __init__(self, descriptors: Iterable[int] = ()) -> None:
        self._open = list(descriptors)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """(mount, user); empty when closed."""
        return tuple(self._open)

    def close(self) -> None:
        while self._open:
            os.close(self._open.pop())


class SignalTarget(Enum):
    """Which processes a signal reaches."""

    GROUP = "the process group"
    INIT = "process 1 of a PID namespace, which passes it on; SIGKILL ends the namespace"
    MONITOR = "bubblewrap, which stays outside of its container: every process inside; SIGKILL ends the container's PID namespace"


followed_pids: set[int] = set()
"""Children whose end a `Process` reads. Every other child that has ended is an orphan (`orphans`)."""


class Process:
    """A started process. `ended` holds its exit status: -N for signal N, None when it is unknown."""

    def __init__(self, pid: int, signal_target: SignalTarget = SignalTarget.GROUP, container_init: ContainerInit | None = None) -> None:
        self.pid = pid
        self.signal_target = signal_target
        self.container_init = container_init
        """Process 1 of a container that bubblewrap made. It ends when no process of the container is left."""
        self.namespaces = ContainerNamespaces()
        """The owner of the process closes them."""
        self.terminal: int | None = None
        """The master of its pseudo-terminal; the owner of the process closes it."""
        self.started_ticks = start_time_ticks(pid)
        self.ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    @property
    def is_alive(self) -> bool:
        return not self.ended.done()

    def finish(self, status: int | None) -> None:
        """Record the exit status. Idempotent."""
        followed_pids.discard(self.pid)
        if not self.ended.done():
            self.ended.set_result(status)

    def signal(self, number: int) -> None:
        """Send a signal to what `signal_target` names. Does nothing when the process has ended."""
        if not self.is_alive:
            return
        if self.signal_target is SignalTarget.INIT:
            send_signal(os.kill, self.pid, number)
        elif self.signal_target is SignalTarget.MONITOR and number != signal.SIGKILL:
            for pid in descendants(self.pid):
                if pid != self.pid:
                    send_signal(os.kill, pid, number)
        else:
            if self.container_init is not None:
                self.container_init.kill()
            send_signal(os.killpg, self.pid, number)

    def members(self) -> list[int]:
        """Return the pids of the process and of what it started, except daemons that left its session."""
        return session_members(self.pid) if self.signal_target is SignalTarget.GROUP else descendants(self.pid)

    def follow(self) -> None:
        """Set `ended` when the process ends.

        A container of bubblewrap has ended when bubblewrap and all processes inside have ended.
        """
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            self._exited(reap(self.pid))
            return
        followed_pids.add(self.pid)
        _call_when_ended(descriptor, lambda: self._exited(reap(self.pid)))

    def _exited(self, status: int | None) -> None:
        init = self.container_init
        if init is None:
            self.finish(status)
            return

        def container_ended() -> None:
            reap(init.pid)
            self.finish(status)

        init.kill()
        _call_when_ended(init.descriptor, container_ended)


def _call_when_ended(pidfd: int, callback: Callable[[], None]) -> None:
    """Close the descriptor and call back when its process has ended."""
    loop = asyncio.get_running_loop()

    def readable() -> None:
        loop.remove_reader(pidfd)
        os.close(pidfd)
        callback()

    loop.add_reader(pidfd, readable)


def send_signal(call: Callable[[int, int], None], pid: int, number: int) -> bool:
    """Send a signal with os.kill or os.killpg.

    Returns False when the process has ended, or is only a zombie of another user.
    """
    try:
        call(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def reap(pid: int) -> int | None:
    """Return the exit status of a child that has ended; None when it is no child of this process or has not ended."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if found else None
