"""Probe a running container for readiness and liveness until it ends."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from knative.local.processes.launcher import Launcher
from knative.local.processes.process import Command, Process, StartError
from knative.local.serving.pods.probes import (
    MAX_REFUSAL_PAUSE_SECONDS,
    MAX_START_PAUSE_SECONDS,
    MIN_START_PAUSE_SECONDS,
    Connect,
    Execute,
    Probe,
    container_port,
    run_probe,
)

READY_PERIOD_SECONDS = 10.0
KILL_GRACE_SECONDS = 10.0


class HealthCheck:
    """Runs the probes of one container.

    `on_ready_change` is called with True when the container becomes ready and with False when it no longer is;
    `unready_reason` then says why. `activated_inode`: the inode of the listening socket that the process inherited, if
    any. `serving_path`: a path that the container must answer with a status below 500 before it is ready; it replaces a
    tcpSocket probe.
    """

    def __init__(
        self,
        container: Mapping[str, Any],
        port: int,
        connect: Connect,
        on_ready_change: Callable[[bool], None],
        log_line: Callable[[str], None],
        activated_inode: int | None = None,
        serving_path: str | None = None,
    ) -> None:
        self.unready_reason = ""
        self.has_listened, self.has_been_ready = False, False
        """Whether it has accepted a connection, and whether its readiness probe has succeeded."""
        self._activated_inode = activated_inode
        self._connect = connect
        self._port, self._on_ready_change, self._log_line = port, on_ready_change, log_line
        self._readiness = Probe.of(container.get("readinessProbe"))
        self._serving_probe = Probe.of_serving(serving_path) if serving_path and self._readiness.kind == "tcpSocket" else None
        self._liveness = Probe.of(container["livenessProbe"]) if container.get("livenessProbe") else None
        ports = container.get("ports") or []
        declared_ports = (each.get(name) for each in ports for name in ("containerPort", "name"))
        self._template_ports: set[Any] = {0, None, container_port(container), *declared_ports}

    async def run(self, process: Process, execute: Execute) -> None:
        """Probe until the process ends.

        A TCP probe without a period ends when the container listens: its end is noticed without a probe.
        """
        probe = self._readiness
        await asyncio.sleep(probe.initial_delay_seconds)
        pause, successes, failures, is_ready = MIN_START_PAUSE_SECONDS, 0, 0, False
        liveness_task: asyncio.Task[None] | None = None
        try:
            while process.is_alive:
                self.unready_reason = await self._probe_readiness(process, execute)
                successes, failures = (successes + 1, 0) if not self.unready_reason else (0, failures + 1)
                if not is_ready and successes >= probe.success_threshold:
                    is_ready = self.has_been_ready = True
                    self._on_ready_change(True)
                    if self._liveness is not None and liveness_task is None:
                        liveness_task = asyncio.create_task(self._run_liveness(process, self._liveness, execute))
                elif is_ready and failures >= probe.failure_threshold:
                    is_ready = False
                    self._on_ready_change(False)
                if is_ready and probe.kind == "tcpSocket" and probe.period_seconds is None:
                    break
                await asyncio.sleep(probe.period_seconds or (READY_PERIOD_SECONDS if is_ready else pause))
                max_pause = MAX_REFUSAL_PAUSE_SECONDS if self._serving_probe is not None and self.has_listened else MAX_START_PAUSE_SECONDS
                pause = min(pause * 1.5, max_pause)
            if liveness_task is not None:
                await liveness_task
        finally:
            if liveness_task is not None:
                liveness_task.cancel()

    async def _probe_readiness(self, process: Process, execute: Execute) -> str:
        if self._activated_inode is not None and not accepts_on(process.pid, self._activated_inode):
            return "it does not accept connections on the socket that it inherited"
        probe = self._serving_probe or self._readiness
        return await run_probe(probe, self._port_of(probe), execute, self._connect_and_record)

    async def _connect_and_record(self, port: int) -> socket.socket:
        """Raises OSError."""
        connection = await self._connect(port)
        self.has_listened = True
        return connection

    async def _run_liveness(self, process: Process, probe: Probe, execute: Execute) -> None:
        await asyncio.sleep(probe.initial_delay_seconds)
        failures = 0
        while process.is_alive:
            failure = await run_probe(probe, self._port_of(probe), execute, self._connect)
            failures = failures + 1 if failure else 0
            if failures >= probe.failure_threshold:
                self._log_line(f"Liveness probe failed: {failure}. Restarting the container.")
                process.signal(signal.SIGTERM)
                await asyncio.sleep(KILL_GRACE_SECONDS)
                process.signal(signal.SIGKILL)
                return
            await asyncio.sleep(probe.period_seconds or READY_PERIOD_SECONDS)

    def _port_of(self, probe: Probe) -> int:
        """A port that the template declares for the container is the one that the process received as PORT.

        Any other port is taken literally.
        """
        return self._port if probe.port in self._template_ports or not str(probe.port).isdigit() else int(str(probe.port))


def accepts_on(pid: int, inode: int) -> bool:
    """Return whether a process waits for connections on a socket that it inherited.

    Its siblings listen on the same socket and would answer a TCP probe, so /proc is asked instead: does one of the
    process's epoll sets hold the socket (proc_pid_fdinfo(5))?
    """
    try:
        names = [name for name in os.listdir(f"/proc/{pid}/fd") if _link(pid, name) == f"socket:[{inode}]"]
        for name in os.listdir(f"/proc/{pid}/fdinfo"):
            with open(f"/proc/{pid}/fdinfo/{name}") as file:
                if any(line.startswith("tfd:") and line.split()[1] in names for line in file):
                    return True
    except OSError:  # the process is ending
        return False
    return False


def _link(pid: int, name: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/fd/{name}")
    except FileNotFoundError:  # closed since it was listed
        return ""


async def execute_in_container(launcher: Launcher, container: Process, base: Command, argv: tuple[str, ...], timeout_seconds: float) -> str:
    """Run the command of an exec probe. Returns "" when it exits with 0, else the reason of the failure."""
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        process = await launcher.enter(container, replace(base, argv=argv, listen=()), null, null)
    except StartError as error:
        return str(error)
    finally:
        os.close(null)
    try:
        status = await asyncio.wait_for(asyncio.shield(process.ended), timeout_seconds)
    except TimeoutError:
        process.signal(signal.SIGKILL)
        return f"{argv[0]} did not end within {timeout_seconds:g} s"
    return "" if status == 0 else f"{argv[0]} exited with {status}"
