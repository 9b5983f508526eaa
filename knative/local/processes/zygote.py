"""The platform's end of the zygote: start it on first use, restart it when it died, and request forks from it."""

import asyncio
import itertools
import json
import logging
import marshal
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from knative.local.processes.launcher import Launcher, launch_spec, memory_file
from knative.local.processes.process import Command, Process, StartError
from knative.local.sandbox.plan import Sandbox
from knative.local.variables import STARTED_AS, STARTED_FOR

log = logging.getLogger(__name__)

FORK_SECONDS = 10.0
READY_SECONDS = 60.0
STOP_SECONDS = 5.0
MARKS = frozenset({STARTED_FOR.name, STARTED_AS.name})
"""Variables by which `up` finds what a platform that was killed has left. Every fork shows them in /proc, whatever its own environment is."""


def can_fork(command: Command) -> bool:
    """Return whether the zygote can run a command: `python -m module …` without a sandbox, a terminal or a standard input."""
    has_streams = command.stdin is not None or command.has_terminal
    is_module = len(command.argv) > 2 and command.argv[0] == "python" and command.argv[1] == "-m"
    return command.sandbox is None and is_module and not has_streams


class Zygote:
    """Forks the platform's own programs from one preloaded process.

    `preload_modules`: what that process imports before its first fork. `rehearsal`: the module of its spare children
    (`spare_forks`); empty: it has none.
    """

    def __init__(self, log_file: Path, launcher: Launcher, project: Path, preload_modules: Sequence[str] = (), rehearsal: str = "") -> None:
        """`project`: the folder of the platform's Python packages."""
        self._log_file = log_file
        self._launcher = launcher
        self._project = str(project)
        self._preload_modules, self._rehearsal = preload_modules, rehearsal
        self.view: Sandbox | None = None
        """The view of the file system that the zygote and its children have; None: that of the user who runs them."""
        self._channel: socket.socket | None = None
        self._process: Process | None = None
        self._ready = asyncio.Event()
        self._starting = asyncio.Lock()
        self._requests: dict[int, asyncio.Future[int]] = {}
        """Request number → the pid of its fork."""
        self._children: dict[int, Process] = {}
        self._numbers = itertools.count(1)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.is_alive else None

    async def start(self, command: Command, stdout: int, stderr: int) -> Process:
        """Fork a process that runs the command. Raises StartError."""
        await self.ready()
        number, spec = next(self._numbers), memory_file(marshal.dumps(launch_spec(command)))
        pid_future = self._requests[number] = asyncio.get_running_loop().create_future()
        try:
            if self._channel is None:
                raise StartError("the zygote has ended")
            socket.send_fds(self._channel, [json.dumps({"request": number}).encode()], [spec, stdout, stderr, *command.listen])
            pid = await asyncio.wait_for(pid_future, FORK_SECONDS)
        except (OSError, TimeoutError) as error:
            raise StartError(f"the zygote does not answer: {error!r}") from error
        finally:
            os.close(spec)
            self._requests.pop(number, None)
        return self._children[pid]

    async def ready(self) -> None:
        """Return when the zygote can fork; starts it if necessary. Raises StartError."""
        async with self._starting:
            if self._channel is None:
                await self._launch()
            try:
                await asyncio.wait_for(self._ready.wait(), READY_SECONDS)
            except TimeoutError as error:
                raise StartError(f"the zygote was not ready within {READY_SECONDS:g} s; see {self._log_file}") from error
            if self._channel is None:
                raise StartError(f"the zygote ended while starting; see {self._log_file}")

    async def _launch(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._log_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        output = os.open(self._log_file, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        marks = {name: value for name, value in os.environ.items() if name in MARKS}
        env = {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": self._project, "PYTHONUNBUFFERED": "1", **marks}
        argv = (sys.executable, "-m", "knative.local.processes.zygote_server", self._rehearsal, *self._preload_modules)
        try:
            command = Command(argv, env, self._project, sandbox=self.view, listen=(theirs.fileno(),))
            self._process = await self._launcher.start(command, output, output)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(output)
        self._channel = ours
        self._ready.clear()
        asyncio.get_running_loop().add_reader(ours, self._readable)

    def _readable(self) -> None:
        assert self._channel is not None
        while True:
            try:
                message = self._channel.recv(4096)
            except BlockingIOError:
                return
            except OSError as error:
                log.warning("the zygote's socket failed: %s", error)
                message = b""
            if not message:
                self._disconnected()
                return
            self._handle(json.loads(message))

    def _handle(self, message: dict[str, int]) -> None:
        if "ready" in message:
            self._ready.set()
        elif "request" in message:
            pid = message["pid"]
            process = self._children[pid] = Process(pid)
            pid_future = self._requests.get(message["request"])
            if pid_future is not None and not pid_future.done():
                pid_future.set_result(pid)
            else:  # the request timed out or was cancelled
                process.signal(signal.SIGKILL)
        elif message["pid"] in self._children:
            self._children.pop(message["pid"]).finish(message["status"])

    def _disconnected(self) -> None:
        """The zygote died. This process, a subreaper, adopts its children and follows them itself."""
        if self._channel is None:
            return
        asyncio.get_running_loop().remove_reader(self._channel)
        self._channel.close()
        self._channel = None
        self._ready.set()
        if self._children:
            log.warning("the zygote ended; its %d pods keep running", len(self._children))
        for process in self._children.values():
            process.follow()
        self._children.clear()
        for pid_future in self._requests.values():
            if not pid_future.done():
                pid_future.set_exception(StartError("the zygote ended"))

    async def stop(self) -> None:
        """End the zygote; its children keep running."""
        if self._channel is not None:
            process = self._process
            self._disconnected()
            if process is not None:
                try:
                    await asyncio.wait_for(asyncio.shield(process.ended), STOP_SECONDS)
                except TimeoutError:
                    process.signal(signal.SIGKILL)
                    await process.ended
