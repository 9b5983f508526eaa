"""Starts a container's process and follows it to its end.

Two ways to start one: `launcher` executes a program afresh (applications, builds, whatever has a file system of its own), the warmed parent
(`zygote`) forks the platform's own in a few milliseconds. Either way a process inherits no environment and no descriptor but what it was given, and
its end is read from a pidfd, which also works for processes that a dead parent left behind.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from knative.local.sandbox.bubblewrap import Inner
from knative.local.sandbox.plan import Sandbox


@dataclass(frozen=True, slots=True)
class Command:
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    limits: Mapping[str, int] = field(default_factory=dict)
    """RLIMIT_… -> value"""
    cgroups: tuple[str, ...] = ()
    sandbox: Sandbox | None = None
    listen: tuple[int, ...] = ()
    """Sockets that it inherits as file descriptors 3, 4, … (LISTEN_FDS)."""
    uid: int | None = None
    """The user of a process of the platform; its group is `gid`."""
    gid: int | None = None
    stdin: int | None = None
    """A descriptor to read from; None: /dev/null."""


class Unstartable(Exception):
    """The process could not even be made."""


class Starter(Protocol):
    async def start(self, command: Command, stdout: int, stderr: int) -> "Process": ...


class Namespaces:
    """The mount and user namespace of a container, kept after its processes have ended, until `close`."""

    def __init__(self, descriptors: Iterable[int]) -> None:
        self._opened = list(descriptors)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """(mount, user); empty when closed."""
        return tuple(self._opened)

    def close(self) -> None:
        while self._opened:
            os.close(self._opened.pop())


class Reach(Enum):
    """What a signal to a process reaches."""

    GROUP = "its process group"
    INIT = "process 1 of a PID namespace, which passes it on; SIGKILL ends the namespace"
    MONITOR = "bubblewrap, which stays outside of its container: every process inside; SIGKILL ends the container's PID namespace"


class Process:
    """A started process: who it is, how to signal it, when and how it ended (a negative number is the signal, None is unknown)."""

    def __init__(self, pid: int, reach: Reach = Reach.GROUP, inner: Inner | None = None) -> None:
        self.pid = pid
        self.reach = reach
        self.inner = inner
        """Process 1 of a container that bubblewrap made; it has ended when nothing in there runs any more."""
        self.namespaces = Namespaces(())
        """Its container's. Whoever has the process closes them."""
        self.started = start_time(pid)
        self.ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    @property
    def alive(self) -> bool:
        return not self.ended.done()

    def finish(self, status: int | None) -> None:
        followed.discard(self.pid)
        if not self.ended.done():
            self.ended.set_result(status)

    def signal(self, number: int) -> None:
        if not self.alive:
            return
        if self.reach is Reach.INIT:
            send(os.kill, self.pid, number)
        elif self.reach is Reach.MONITOR and number != signal.SIGKILL:
            for pid in descendants(self.pid):
                if pid != self.pid:
                    send(os.kill, pid, number)
        else:
            if self.inner is not None:
                self.inner.kill()
            send(os.killpg, self.pid, number)

    def members(self) -> list[int]:
        """It and what it started, as far as that did not leave."""
        return session_members(self.pid) if self.reach is Reach.GROUP else descendants(self.pid)

    def follow(self) -> None:
        """Reads its end from a pidfd; for a child (also an adopted one) the status comes with it. A container of bubblewrap's has ended when both
        bubblewrap and all that is inside have."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            self._exited(reap(self.pid))
            return
        followed.add(self.pid)
        _when_ended(descriptor, lambda: self._exited(reap(self.pid)))

    def _exited(self, status: int | None) -> None:
        inner = self.inner
        if inner is None:
            self.finish(status)
            return

        def emptied() -> None:
            reap(inner.pid)
            self.finish(status)

        inner.kill()
        _when_ended(inner.descriptor, emptied)


def _when_ended(descriptor: int, call: Callable[[], None]) -> None:
    """Calls when the process of a pidfd has ended, and closes it."""
    loop = asyncio.get_running_loop()

    def readable() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        call()

    loop.add_reader(descriptor, readable)


followed: set[int] = set()
"""Children whose end somebody reads; every other child that has ended is an orphan that came to us (`orphans`)."""


def send(call: Callable[[int, int], None], pid: int, number: int) -> bool:
    try:
        call(pid, number)
    except (ProcessLookupError, PermissionError):  # gone already; or only a zombie of another user's is left of it
        return False
    return True


def reap(pid: int) -> int | None:
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if found else None


def start_time(pid: int) -> int:
    """In clock ticks since boot; with the pid it names a process for good. 0: there is none."""
    fields = stat_fields(pid)
    return int(fields[19]) if fields else 0


def stat_fields(pid: int) -> list[bytes] | None:
    """Fields of /proc/<pid>/stat from the third (state) on (proc_pid_stat(5)); None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _all_stats() -> dict[int, list[bytes]]:
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return {pid: fields for pid in pids if (fields := stat_fields(pid)) is not None and fields[0] != b"Z"}


def session_members(session: int) -> list[int]:
    return [pid for pid, fields in _all_stats().items() if int(fields[3]) == session]


def descendants(ancestor: int) -> list[int]:
    """A process and all below it; of a PID namespace's first process that is all of the namespace."""
    parents = {pid: int(fields[1]) for pid, fields in _all_stats().items()}
    found = {ancestor} & parents.keys()
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)
