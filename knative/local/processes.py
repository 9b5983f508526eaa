"""Starts a pod's process and follows it to its end.

Two ways to start one: `Launcher` executes a program afresh (applications, builds, whatever is sandboxed), the warmed parent (`zygote`) forks
the platform's own in a few milliseconds. Either way a process has its own session, inherits no environment, and its end is read from a
pidfd, which also works for processes that a dead zygote left behind.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from knative.local import processes_sandbox
from knative.local.processes_sandbox import Isolation, Sandbox

LAUNCH = str(Path(__file__).with_name("processes_launch.py"))


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


class Unstartable(Exception):
    """The process could not even be made."""


class Starter(Protocol):
    async def start(self, command: Command, stdout: int, stderr: int) -> "Process": ...


class Process:
    """A started process: who it is, how to signal it, when and how it ended (a negative number is the signal, None is unknown)."""

    def __init__(self, pid: int, monitored: bool = False) -> None:
        self.pid = pid
        self.started = start_time(pid)
        self.ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._monitored = monitored

    @property
    def alive(self) -> bool:
        return not self.ended.done()

    def finish(self, status: int | None) -> None:
        if not self.ended.done():
            self.ended.set_result(status)

    def signal(self, number: int) -> None:
        """To the whole group. Under bubblewrap the first process is a monitor whose death would end the rest unasked: it is spared a SIGTERM."""
        if not self.alive:
            return
        if self._monitored and number != signal.SIGKILL:
            for pid in session_members(self.pid):
                if pid != self.pid:
                    send(os.kill, pid, number)
        else:
            send(os.killpg, self.pid, number)

    def follow(self) -> None:
        """Reads its end from a pidfd; for a child (also an adopted one) the status comes with it."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            self.finish(reap(self.pid))
            return
        loop = asyncio.get_running_loop()

        def readable() -> None:
            loop.remove_reader(descriptor)
            os.close(descriptor)
            self.finish(reap(self.pid))

        loop.add_reader(descriptor, readable)


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
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def session_members(session: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[3]) == session and fields[0] != b"Z":
                found.append(int(name))
    return found


def orders(command: Command) -> dict[str, Any]:
    """A Command as processes_launch.py and the zygote read it."""
    sandbox = command.sandbox if command.sandbox and command.sandbox.isolation is Isolation.ROOT else None
    env = {**command.env, **({"LISTEN_FDS": str(len(command.listen))} if command.listen else {})}
    return {
        "argv": list(command.argv),
        "env": env,
        "cwd": command.cwd,
        "limits": dict(command.limits),
        "cgroups": list(command.cgroups),
        "uid": sandbox.uid if sandbox else None,
        "root": sandbox.root if sandbox else None,
        "join": list(command.sandbox.join) if command.sandbox else [],
        "mounts": [[mount.source, mount.target, mount.writable] for mount in sandbox.mounts] if sandbox else [],
        "links": [list(link) for link in sandbox.links] if sandbox else [],
    }


def in_memory(said: Mapping[str, Any]) -> int:
    """A file descriptor to read it from; no size limit, and it is in no folder."""
    descriptor = os.memfd_create("orders", 0)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(json.dumps(said).encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


class Launcher:
    """Executes a program afresh."""

    async def start(self, command: Command, stdout: int, stderr: int) -> Process:
        said = orders(command)
        monitored = command.sandbox is not None and command.sandbox.isolation is Isolation.BUBBLEWRAP
        if monitored and command.sandbox:
            said["argv"] = processes_sandbox.bubblewrap(command.sandbox, command.argv, command.cwd)
            said["cwd"] = "/"
        spec = in_memory(said)
        # Through descriptors above those that they become: dup2 onto itself would leave it close-on-exec.
        sources = [_above(descriptor) for descriptor in (spec, stdout, stderr, *command.listen)]
        try:
            pid = os.posix_spawn(  # noqa: ASYNC221 - it does not wait for the program: some hundred microseconds
                sys.executable,
                [sys.executable, "-I", "-S", LAUNCH],
                {"PATH": command.env.get("PATH", os.defpath), "LANG": "C.UTF-8"},
                file_actions=[(os.POSIX_SPAWN_DUP2, source, target) for target, source in enumerate(sources)],
                setsid=True,
            )
        except OSError as error:
            raise Unstartable(f"a process cannot be started: {error.strerror}") from error
        finally:
            for descriptor in (spec, *sources):
                os.close(descriptor)
        process = Process(pid, monitored)
        process.follow()
        return process


def _above(descriptor: int) -> int:
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 64)
