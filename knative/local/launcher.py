"""Executes programs afresh: applications, builds, whatever has a file system of its own (`sandbox`), and programs inside of a container.

What is executed finds no environment and no descriptor but what it was given.
"""

import asyncio
import fcntl
import marshal
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from knative.local.processes import Command, Namespaces, Process, Reach, Unstartable, followed, send
from knative.local.sandbox.bubblewrap import Info, Inner, bubblewrap
from knative.local.sandbox.identities import IDS, USER
from knative.local.sandbox.isolation import Isolation
from knative.local.sandbox.plan import Sandbox

LAUNCH = str(Path(__file__).with_name("sandbox") / "launch.py")
FIRST_KEPT = 4
"""Descriptors 0 to 3 of the launcher: its orders, output, errors, report."""
LAUNCH_SECONDS = 30.0


def orders(command: Command) -> dict[str, Any]:
    """A Command as the zygote reads it, and what `launch_steps` reads of any."""
    env = {**command.env, **({"LISTEN_FDS": str(len(command.listen))} if command.listen else {})}
    return {
        "argv": list(command.argv),
        "env": env,
        "cwd": command.cwd,
        "limits": dict(command.limits),
        "cgroups": list(command.cgroups),
        "uid": command.uid,
        "gid": command.gid,
        "umask": 0o022,
        **{name: [] for name in ("join", "listen", "keep", "enter")},
        **{name: None for name in ("stdin", "root", "overlay", "init")},
        "alone": False,
        "own_user_namespace": False,
        "seccomp": b"",
    }


def contained(sandbox: Sandbox) -> dict[str, Any]:
    """What `launch_steps` reads of a sandbox that it assembles itself."""
    identity = sandbox.identity
    owner = identity.user if identity else sandbox.uid or 0
    return {
        "root": sandbox.root,
        "uid": sandbox.uid,
        "gid": sandbox.uid if sandbox.gid is None else sandbox.gid,
        "first_id": identity.first if identity else 0,
        "ids": IDS if identity else 0,
        "mounts": [asdict(mount) for mount in sandbox.mounts],
        "links": [list(link) for link in sandbox.links],
        "hostname": sandbox.hostname,
        "disks": [{**asdict(disk), "owner": USER if disk.mapped else owner} for disk in sandbox.disks],
        "layer": sandbox.layer,
        "pid_namespace": sandbox.pid_namespace,
        "own_network": sandbox.own_network,
        "seccomp": sandbox.filter or b"",
        "init": sandbox.init if sandbox.pid_namespace else None,
    }


def in_memory(content: bytes) -> int:
    """A file descriptor to read it from; no size limit, it is in no folder, and no program that is executed inherits it."""
    descriptor = os.memfd_create("orders", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


class Launcher:
    """Executes a program afresh."""

    async def start(self, command: Command, stdout: int, stderr: int) -> Process:
        """Returns when the program's process is there. Raises Unstartable with a sentence that says what the kernel refused."""
        sandbox = command.sandbox
        given, reach = orders(command), Reach.GROUP
        kept: list[int] = []
        info = Info() if sandbox is not None and sandbox.isolation is Isolation.BUBBLEWRAP else None
        try:
            if sandbox is not None:
                kept += [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in sandbox.join]
                given["join"] = [FIRST_KEPT + index for index in range(len(kept))]
            if sandbox is not None and info is not None:
                reach = Reach.MONITOR
                kept.append(os.dup(info.writing))
                if sandbox.filter is not None:
                    kept.append(in_memory(sandbox.filter))
                given["keep"] = [FIRST_KEPT + index for index in range(len(sandbox.join), len(kept))]
                given |= {"argv": bubblewrap(sandbox, command.argv, command.cwd, *given["keep"]), "cwd": "/"}
                if sandbox.overlay:
                    given["overlay"] = dict(zip(("lower", "upper", "work", "merged"), sandbox.overlay, strict=True))
                given["own_user_namespace"] = not sandbox.join
            elif sandbox is not None and sandbox.isolation is Isolation.ROOT:
                reach = Reach.INIT if sandbox.pid_namespace else Reach.GROUP
                given |= contained(sandbox)
            pid, namespaces = await self._launch(given, command, stdout, stderr, kept)
            _close(kept)
            inner = await self._inside_of(pid, info) if info is not None else None
        except OSError as error:
            raise Unstartable(f"a process cannot be started: {error.strerror or error}") from error
        finally:
            _close(kept)
            if info is not None:
                info.close()
        process = Process(pid, reach, inner)
        process.namespaces = Namespaces(namespaces)
        process.follow()
        return process

    async def _inside_of(self, pid: int, info: Info) -> Inner | None:
        try:
            return await info.read(pid, LAUNCH_SECONDS)
        except BaseException:
            send(os.killpg, pid, signal.SIGKILL)
            Process(pid).follow()
            raise

    async def enter(self, process: Process, command: Command, stdout: int, stderr: int) -> Process:
        """Runs another program inside of a container that runs (as `kubectl exec` does); it ends with the program's code. Raises Unstartable."""
        if command.sandbox is None or process.reach is Reach.GROUP:
            return await self.start(command, stdout, stderr)
        inside = process.pid if process.reach is Reach.INIT else process.inner.pid if process.inner is not None else 0
        names = [f"{inside}/ns/{name}" for name in ("net", "ipc", "uts", "cgroup", "pid", "mnt", "user")]
        if process.reach is Reach.MONITOR:  # the user namespace around the container's, in which we are root
            names.insert(0, f"{process.pid}/ns/user")
        opened: list[int] = []
        try:
            for name in names:
                opened.append(os.open(f"/proc/{name}", os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            _close(opened)
            raise Unstartable("the container has ended") from error
        try:
            return await self._inside(opened, command, stdout, stderr, new=False)
        finally:
            _close(opened)

    async def revisit(self, namespaces: Namespaces, command: Command, stdout: int, stderr: int) -> Process:
        """Runs a program in the file system of a container that has ended, as its user, without network and alone. Raises Unstartable."""
        return await self._inside(list(namespaces.descriptors), command, stdout, stderr, new=True)

    async def _inside(self, opened: list[int], command: Command, stdout: int, stderr: int, new: bool) -> Process:
        """`opened`: the user namespace last."""
        assert command.sandbox is not None
        uid, seccomp = command.sandbox.uid, command.sandbox.filter or b""
        numbers = [FIRST_KEPT + index for index in range(len(opened))]
        given = {**orders(command), "enter": numbers, "alone": new, "uid": uid, "gid": uid, "seccomp": seccomp}
        try:
            pid, _ = await self._launch(given, command, stdout, stderr, opened, stays=True)
        except OSError as error:
            raise Unstartable(f"a process cannot be started: {error.strerror or error}") from error
        entered = Process(pid)
        entered.follow()
        return entered

    async def _launch(
        self, given: Mapping[str, Any], command: Command, stdout: int, stderr: int, kept: list[int], stays: bool = False
    ) -> tuple[int, list[int]]:
        """(the process that the launcher reports, descriptors of its namespaces); with `stays` the launcher itself, which waits for it."""
        more = [*command.listen, *([] if command.stdin is None else [command.stdin])]
        numbers = [FIRST_KEPT + len(kept) + index for index in range(len(more))]
        given = {**given, "listen": numbers[: len(command.listen)], "stdin": numbers[-1] if command.stdin is not None else None}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            spec = in_memory(marshal.dumps(given))
            # Through descriptors above those that they become: dup2 onto itself would leave it close-on-exec.
            sources = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 64) for each in (spec, stdout, stderr, theirs.fileno(), *kept, *more)]
            theirs.close()
            try:
                launcher = os.posix_spawn(  # noqa: ASYNC221 - it does not wait for the program: some hundred microseconds
                    sys.executable,
                    [sys.executable, "-I", "-S", LAUNCH],
                    {"PATH": command.env.get("PATH", os.defpath), "LANG": "C.UTF-8"},
                    file_actions=[(os.POSIX_SPAWN_DUP2, source, target) for target, source in enumerate(sources)],
                    setsid=True,
                )
                followed.add(launcher)
            finally:
                for descriptor in (spec, *sources):
                    os.close(descriptor)
            try:
                text, namespaces = await _read_report(ours)
            except BaseException:
                send(os.kill, launcher, signal.SIGKILL)
                Process(launcher).follow()
                raise
        started = int(text) if text.isdigit() else 0
        if not stays and started != launcher:  # it exits at once after its report
            Process(launcher).follow()
        if not started:
            raise Unstartable(text or "the launcher ended before it had started anything")
        return launcher if stays else started, namespaces


def _close(descriptors: list[int]) -> None:
    while descriptors:
        os.close(descriptors.pop())


async def _read_report(channel: socket.socket) -> tuple[str, list[int]]:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    channel.setblocking(False)
    loop.add_reader(channel, readable.set)
    try:
        await asyncio.wait_for(readable.wait(), LAUNCH_SECONDS)
    except TimeoutError:
        return f"the launcher reported nothing within {LAUNCH_SECONDS:g} s", []
    finally:
        loop.remove_reader(channel)
    text, descriptors, _, _ = socket.recv_fds(channel, 1000, 2)
    for each in descriptors:
        os.set_inheritable(each, False)
    return text.decode(errors="replace"), descriptors
