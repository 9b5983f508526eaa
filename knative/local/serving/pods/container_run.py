"""One run of a pod's container: from the start of its process to its exit."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from functions.wire.log_lines import decode_prefix
from knative.local.objects import now
from knative.local.processes.control_groups import ControlGroup
from knative.local.processes.process import Command, Process, SignalTarget, StartError
from knative.local.processes.streams import Streams
from knative.local.serving.confined_programs import EndedContainer
from knative.local.serving.node import Node
from knative.local.serving.pods.container import PreparedContainer
from knative.local.serving.pods.disk_limits import LimitGuard
from knative.local.serving.pods.exit import START_ERROR_CODE, Exit, LimitViolation, exit_code, exit_of
from knative.local.serving.pods.health import HealthCheck, execute_in_container
from knative.local.serving.pods.logs import Log
from knative.local.serving.pods.preparation import read_termination_message
from knative.local.serving.pods.probes import Connect, listening_ports

log = logging.getLogger(__name__)

GROUP_REMOVAL_PAUSE_SECONDS = 0.2
GRACE_LOOK_SECONDS = 1.0


class ContainerRun:
    """`restarts_always`: a Service's container, whose log tail explains every failure; a Job's container asks for that in its template."""

    def __init__(
        self, node: Node, container: Mapping[str, Any], prepared: PreparedContainer, output: Log, *, name: str, restarts_always: bool
    ) -> None:
        """`name`: of the pod, for log lines."""
        self._node, self._container, self._prepared, self._output = node, container, prepared, output
        self._name, self._restarts_always = name, restarts_always
        self._process: Process | None = None
        self._guard: LimitGuard | None = None
        self._health: HealthCheck | None = None
        self.streams = _streams_of(container)
        """The streams that clients may attach to; None: its output goes to the log."""
        self.started_at = ""
        """RFC 3339; empty before the start."""

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.is_alive

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.is_alive else None

    @property
    def group(self) -> ControlGroup | None:
        return self._prepared.group

    @property
    def unready_reason(self) -> str:
        return self._health.unready_reason if self._health is not None else ""

    @property
    def has_listened_unready(self) -> bool:
        """Whether it has accepted a connection on its port, but was never ready."""
        return self._health is not None and self._health.has_listened and not self._health.has_been_ready

    @property
    def is_on_disks(self) -> bool:
        return self._prepared.is_on_disks

    @property
    def polled_disk_bytes(self) -> int | None:
        return self._guard.used_bytes if self._guard is not None else None

    @property
    def ended_container(self) -> EndedContainer | None:
        """Its file system, for programs that read what it left; None when it had no file system of its own."""
        sandbox = self._prepared.command.sandbox
        namespaces = self._process.namespaces if self._process is not None else None
        return EndedContainer(namespaces, sandbox) if namespaces is not None and namespaces.descriptors and sandbox else None

    def listening_ports(self) -> list[int]:
        return listening_ports(self._process.members()) if self._process is not None and self._process.is_alive else []

    async def start(self, listening: socket.socket | None) -> Exit | None:
        """Start the process.

        `listening`: a socket that it inherits. Returns None, or the exit of a container that could not be started.
        """
        command = self._prepared.command
        if listening is not None:
            command = replace(command, listen=(listening.fileno(),))
        command, stdout, stderr = self._with_streams(command)
        try:
            self._process = await self._node.start(command, stdout, stderr)
        except StartError as error:
            self._output.write_line(str(error))
            if self.streams is not None:
                self.streams.close()
            return Exit(START_ERROR_CODE, "StartError", str(error), now(), now())
        finally:
            for descriptor in (stdout, stderr, command.stdin):
                if descriptor is not None:
                    os.close(descriptor)
        if self.streams is not None and self._process.terminal is not None:
            self.streams.open_terminal(self._process.terminal)
        self.started_at = now()
        return None

    def _with_streams(self, command: Command) -> tuple[Command, int, int]:
        """Return the command and descriptors of its output. With a terminal, the log gets only why it cannot be started."""
        if self.streams is None or self.streams.has_terminal:
            command = replace(command, has_terminal=self.streams is not None)
            return command, self._output.open_pipe("stdout"), self._output.open_pipe("stderr")
        stdin, stdout, stderr = self.streams.open_pipes()
        return replace(command, stdin=stdin), stdout, stderr

    def record(self, folder: Path) -> None:
        """Write the process to the pod's folder, so that the next run of the platform can end it if this one is killed."""
        assert self._process is not None
        self._node.process_records.write(folder, self._process)

    async def check_health(
        self,
        port: int,
        connect: Connect,
        on_ready_change: Callable[[bool], None],
        listening: socket.socket | None,
        serving_path: str | None,
    ) -> None:
        """Run the container's probes until it ends or this is cancelled. `serving_path`: as for `HealthCheck`."""
        assert self._process is not None
        inode = os.fstat(listening.fileno()).st_ino if listening is not None else None
        self._health = HealthCheck(self._container, port, connect, on_ready_change, self._output.write_line, inode, serving_path)
        await self._health.run(self._process, self._execute)

    async def wait(self, stopping: asyncio.Event) -> LimitViolation | None:
        """Return when the process has ended, when `stopping` is set, or when the container exceeded a limit and was ended for it."""
        assert self._process is not None
        self._guard = guard = LimitGuard(self._process, self._prepared, self._node.trash)
        stop = asyncio.ensure_future(stopping.wait())
        waits: set[asyncio.Future[Any]] = {self._process.ended, stop, *guard.violations}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        return await guard.end(self._output.write_line)

    async def terminate(self, grace_seconds: Callable[[], float]) -> None:
        """Send SIGTERM, and SIGKILL after the grace; returns when the process has ended.

        `grace_seconds`: since the signal. It is read again and again: a pod that is ending may be evicted, or end with the platform.
        """
        assert self._process is not None
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._process.signal(signal.SIGTERM)
        while (left := began + grace_seconds() - loop.time()) > 0:
            await asyncio.wait({self._process.ended}, timeout=min(left, GRACE_LOOK_SECONDS))
            if self._process.ended.done():
                return
        self._process.signal(signal.SIGKILL)
        await self._process.ended

    async def clean_up(self) -> None:
        """Kill children that the process left in its group, and read the rest of its output.

        A PID namespace ends with its first process.
        """
        assert self._process is not None
        if self._process.signal_target is not SignalTarget.INIT:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        if self.streams is not None:
            await self.streams.finish()
        await self._output.drain()

    async def exit(self, violation: LimitViolation | None, is_stopping: bool) -> Exit:
        """Describe the end of the container. Call it after `clean_up` and before `close`."""
        assert self._process is not None
        status, prepared = self._process.ended.result(), self._prepared
        return exit_of(
            status,
            self.started_at,
            await self._message(status, is_stopping),
            violation=violation,
            was_out_of_memory=prepared.group is not None and prepared.group.was_out_of_memory(),
            memory_limit=str((self._container.get("resources", {}).get("limits") or {}).get("memory", "")),
            file_limit_bytes=prepared.limits.file_bytes,
        )

    async def _message(self, status: int | None, is_stopping: bool) -> str:
        """Return the termination message, or the last output of a container that failed.

        A Service's container that ends on request leaves no message that matters. One that ends by itself has failed,
        also with code 0.
        """
        has_failed = not is_stopping if self._restarts_always else exit_code(status) != 0
        message = b""
        if has_failed or not self._restarts_always:
            try:
                message = await read_termination_message(self._prepared, self._node.programs, self.ended_container)
            except OSError as error:
                log.warning("the termination message of pod %s cannot be read: %s", self._name, error)
        if not message and has_failed and (self._restarts_always or self._container.get("terminationMessagePolicy") == "FallbackToLogsOnError"):
            return self._output.tail
        return decode_prefix(message)

    def close(self) -> None:
        """Let go of the container's file system. Idempotent."""
        if self._process is not None:
            self._process.namespaces.close()

    def remove_group(self) -> None:
        """Kill what is left in the control group and remove it, a moment later if the kernel needs one."""
        group = self._prepared.group
        if group is not None and not (group.kill() and group.remove()):
            asyncio.get_running_loop().call_later(GROUP_REMOVAL_PAUSE_SECONDS, lambda: group.kill() and group.remove())

    async def _execute(self, argv: tuple[str, ...], timeout_seconds: float) -> str:
        assert self._process is not None
        return await execute_in_container(self._node.launcher, self._process, self._prepared.command, argv, timeout_seconds)


def _streams_of(container: Mapping[str, Any]) -> Streams | None:
    has_stdin, has_terminal = bool(container.get("stdin")), bool(container.get("tty"))
    if not has_stdin and not has_terminal:
        return None
    return Streams(has_terminal=has_terminal, has_stdin=has_stdin, is_stdin_once=bool(container.get("stdinOnce")))
