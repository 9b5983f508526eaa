"""Execute programs afresh: applications, builds, everything with a file system of its own, and programs inside a container.

A program inherits only the environment and the descriptors that its `Command` names. The launch program
(`sandbox/launch.py`) receives a specification, a marshalled dict, and becomes the program.
"""

import asyncio
import fcntl
import marshal
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from knative.local import sandbox as sandbox_package
from knative.local.processes.process import Command, ContainerNamespaces, Process, SignalTarget, StartError, followed_pids, send_signal
from knative.local.sandbox.bubblewrap import ContainerInfo, ContainerInit, bubblewrap
from knative.local.sandbox.identities import APPLICATION_USER, IDS_PER_RANGE
from knative.local.sandbox.plan import Isolation, Sandbox

LAUNCH_PROGRAM = str(Path(sandbox_package.__file__).with_name("launch.py"))
READ_ALL_FILES = 2
"""CAP_DAC_READ_SEARCH, for programs that read what a build of a Dockerfile left: its files belong to many users."""
FIRST_INHERITED = 4
"""Descriptors 0 to 3 of the launch program: its specification, stdout, stderr, report."""
LAUNCH_SECONDS = 30.0
MAX_REPORTED = 3
"""Descriptors in a report: the mount and the user namespace, and the master of the container's own terminal."""


class Terminal(NamedTuple):
    """The two ends of a pseudo-terminal."""

    master: int
    slave: int


def _has_own_terminals(sandbox: Sandbox | None) -> bool:
    """Return whether the container has a /dev/pts of its own in which the launch program opens its terminal."""
    return sandbox is not None and sandbox.isolation is Isolation.ROOT and sandbox.pid_namespace


def launch_spec(command: Command) -> dict[str, Any]:
    """Return a Command as the zygote and `launch_steps` read it."""
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
        **{name: [] for name in ("join", "listen", "keep", "enter", "groups", "capabilities")},
        **{name: None for name in ("stdin", "root", "overlay", "init")},
        "is_container_ended": False,
        "own_user_namespace": False,
        "own_mounts": False,
        "terminal": None,
        "seccomp": b"",
    }


def sandbox_spec(sandbox: Sandbox) -> dict[str, Any]:
    """Return what `launch_steps` reads in addition for a sandbox that it assembles itself."""
    identity = sandbox.identity
    owner_inside = sandbox.owner if sandbox.owner is not None else sandbox.uid or 0
    owner = (identity.first if identity else 0) + owner_inside
    return {
        "root": sandbox.root,
        "uid": sandbox.uid,
        "gid": sandbox.uid if sandbox.gid is None else sandbox.gid,
        "first_id": identity.first if identity else 0,
        "ids": IDS_PER_RANGE if identity else 0,
        "owner": owner,
        "groups": list(sandbox.groups),
        "capabilities": list(sandbox.capabilities),
        "own_mounts": sandbox.own_mounts,
        "read_only_root": sandbox.has_read_only_root or all(mount.target != "/" for mount in sandbox.mounts),
        "mounts": [asdict(mount) for mount in sandbox.mounts],
        "links": [list(link) for link in sandbox.links],
        "hostname": sandbox.hostname,
        "disks": [{**asdict(disk), "owner": APPLICATION_USER if disk.mapped else owner} for disk in sandbox.disks],
        "layer": sandbox.layer,
        "pid_namespace": sandbox.pid_namespace,
        "own_network": sandbox.own_network,
        "seccomp": sandbox.filter or b"",
        "init": sandbox.init if sandbox.pid_namespace else None,
    }


def memory_file(content: bytes) -> int:
    """Return a descriptor from which to read the content (memfd_create(2)).

    The file is in no folder; executed programs do not inherit it.
    """
    descriptor = os.memfd_create("launch", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


class Launcher:
    """Starts programs with the launch program. `stdout` and `stderr` are descriptors that stay the caller's."""

    async def start(self, command: Command, stdout: int, stderr: int) -> Process:
        """Start a program, in its sandbox if it has one. Returns when its process exists. Raises StartError."""
        sandbox = command.sandbox
        spec, signal_target = launch_spec(command), SignalTarget.GROUP
        inherited: list[int] = []
        info = ContainerInfo() if sandbox is not None and sandbox.isolation is Isolation.BUBBLEWRAP else None
        terminal: Terminal | None = None
        try:
            if command.has_terminal and not _has_own_terminals(sandbox):
                terminal = Terminal(*os.openpty())
                command, spec["terminal"] = replace(command, stdin=terminal.slave), "inherited"
            elif command.has_terminal:
                spec["terminal"] = "own"
            if sandbox is not None:
                inherited += [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in sandbox.join]
                spec["join"] = [FIRST_INHERITED + index for index in range(len(inherited))]
            if sandbox is not None and info is not None:
                signal_target = SignalTarget.MONITOR
                inherited.append(os.dup(info.writing))
                if sandbox.filter is not None:
                    inherited.append(memory_file(sandbox.filter))
                spec["keep"] = [FIRST_INHERITED + index for index in range(len(sandbox.join), len(inherited))]
                spec |= {"argv": bubblewrap(sandbox, command.argv, command.cwd, *spec["keep"], has_terminal=command.has_terminal), "cwd": "/"}
                if sandbox.overlay:
                    spec["overlay"] = dict(zip(("lower", "upper", "work", "merged"), sandbox.overlay, strict=True))
                spec["own_user_namespace"] = not sandbox.join
            elif sandbox is not None and sandbox.isolation is Isolation.ROOT:
                signal_target = SignalTarget.INIT if sandbox.pid_namespace else SignalTarget.GROUP
                spec |= sandbox_spec(sandbox)
            pid, namespaces = await self._launch(spec, command, stdout, stderr, inherited)
            _close(inherited)
            container_init = await self._read_container_init(pid, info) if info is not None else None
        except OSError as error:
            raise StartError(f"a process cannot be started: {error.strerror or error}") from error
        finally:
            _close(inherited)
            if info is not None:
                info.close()
            if terminal is not None:
                os.close(terminal.slave)
        process = Process(pid, signal_target, container_init)
        process.terminal = terminal.master if terminal is not None else namespaces.pop() if command.has_terminal else None
        process.namespaces = ContainerNamespaces(namespaces)
        process.follow()
        return process

    async def _read_container_init(self, pid: int, info: ContainerInfo) -> ContainerInit | None:
        try:
            return await info.read(pid, LAUNCH_SECONDS)
        except BaseException:
            send_signal(os.killpg, pid, signal.SIGKILL)
            Process(pid).follow()
            raise

    async def enter(self, process: Process, command: Command, stdout: int, stderr: int) -> Process:
        """Run another program inside a running container, as `kubectl exec` does.

        Its status is the program's. Raises StartError.
        """
        if command.sandbox is None or process.signal_target is SignalTarget.GROUP:
            return await self.start(command, stdout, stderr)
        init = process.container_init
        inside = process.pid if process.signal_target is SignalTarget.INIT else init.pid if init is not None else 0
        names = [f"{inside}/ns/{name}" for name in ("net", "ipc", "uts", "cgroup", "pid", "mnt", "user")]
        if process.signal_target is SignalTarget.MONITOR:  # the user namespace around the container's, in which the launcher is root
            names.insert(0, f"{process.pid}/ns/user")
        opened: list[int] = []
        try:
            for name in names:
                opened.append(os.open(f"/proc/{name}", os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            _close(opened)
            raise StartError("the container has ended") from error
        try:
            return await self._run_in_namespaces(opened, command, stdout, stderr, is_container_ended=False)
        finally:
            _close(opened)

    async def enter_ended(self, namespaces: ContainerNamespaces, command: Command, stdout: int, stderr: int) -> Process:
        """Run a program in the file system of a container that has ended, as its user, without a network.

        Raises StartError.
        """
        return await self._run_in_namespaces(list(namespaces.descriptors), command, stdout, stderr, is_container_ended=True)

    async def _run_in_namespaces(self, opened: list[int], command: Command, stdout: int, stderr: int, is_container_ended: bool) -> Process:
        """`opened`: descriptors of namespaces, the user namespace last."""
        assert command.sandbox is not None
        sandbox = command.sandbox
        numbers = [FIRST_INHERITED + index for index in range(len(opened))]
        spec = {
            **launch_spec(command), "enter": numbers, "is_container_ended": is_container_ended, "uid": sandbox.uid,
            "gid": sandbox.uid if sandbox.gid is None else sandbox.gid, "groups": list(sandbox.groups),
            "capabilities": [READ_ALL_FILES] if is_container_ended and sandbox.own_mounts else list(sandbox.capabilities),
            "seccomp": (sandbox.reader if sandbox.reader is not None else sandbox.filter) or b"",
        }  # fmt: skip
        try:
            pid, _ = await self._launch(spec, command, stdout, stderr, opened, launcher_stays=True)
        except OSError as error:
            raise StartError(f"a process cannot be started: {error.strerror or error}") from error
        process = Process(pid)
        process.follow()
        return process

    async def _launch(
        self, spec: Mapping[str, Any], command: Command, stdout: int, stderr: int, inherited: list[int], launcher_stays: bool = False
    ) -> tuple[int, list[int]]:
        """Return the pid that the launch program reports, and descriptors of its namespaces.

        `launcher_stays`: the launch program waits for the program, and its own pid is returned.
        """
        more = [*command.listen, *([] if command.stdin is None else [command.stdin])]
        numbers = [FIRST_INHERITED + len(inherited) + index for index in range(len(more))]
        spec = {**spec, "listen": numbers[: len(command.listen)], "stdin": numbers[-1] if command.stdin is not None else None}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            spec_file = memory_file(marshal.dumps(spec))
            # Duplicated above their final numbers: dup2 of a descriptor onto itself would leave it close-on-exec.
            sources = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 64) for each in (spec_file, stdout, stderr, theirs.fileno(), *inherited, *more)]
            theirs.close()
            try:
                launcher = os.posix_spawn(  # noqa: ASYNC221 - it does not wait for the program: some hundred microseconds
                    sys.executable,
                    [sys.executable, "-I", "-S", LAUNCH_PROGRAM],
                    {"PATH": command.env.get("PATH", os.defpath), "LANG": "C.UTF-8"},
                    file_actions=[(os.POSIX_SPAWN_DUP2, source, target) for target, source in enumerate(sources)],
                    setsid=True,
                )
                followed_pids.add(launcher)
            finally:
                for descriptor in (spec_file, *sources):
                    os.close(descriptor)
            try:
                report, namespaces = await _read_report(ours)
            except BaseException:
                send_signal(os.kill, launcher, signal.SIGKILL)
                Process(launcher).follow()
                raise
        started = int(report) if report.isdigit() else 0
        if not launcher_stays and started != launcher:  # the launch program exits right after its report
            Process(launcher).follow()
        if not started:
            raise StartError(report or "the launch program ended before it started anything")
        return launcher if launcher_stays else started, namespaces


def _close(descriptors: list[int]) -> None:
    while descriptors:
        os.close(descriptors.pop())


async def _read_report(channel: socket.socket) -> tuple[str, list[int]]:
    """Return (a pid or the reason of a failure, descriptors of namespaces)."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    channel.setblocking(False)
    loop.add_reader(channel, readable.set)
    try:
        await asyncio.wait_for(readable.wait(), LAUNCH_SECONDS)
    except TimeoutError:
        return f"the launch program reported nothing within {LAUNCH_SECONDS:g} s", []
    finally:
        loop.remove_reader(channel)
    text, descriptors, _, _ = socket.recv_fds(channel, 1000, MAX_REPORTED)
    for each in descriptors:
        os.set_inheritable(each, False)
    return text.decode(errors="replace"), descriptors
