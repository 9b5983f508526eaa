"""Asks a running container whether it is ready, and whether it still lives, until it ends."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from knative.local.launcher import Launcher
from knative.local.processes import Command, Process, Unstartable
from knative.local.serving.probes import FIRST_PAUSE, LONGEST_PAUSE, Connect, Probe, ask

READY_PERIOD = 10.0
KILL_AFTER = 10.0


class Health:
    """`told(True)` when it became ready, `told(False)` when it is no longer, `unready` says why. `activated` is the inode of the socket that
    it was handed."""

    def __init__(
        self,
        container: Mapping[str, Any],
        port: int,
        connect: Connect,
        told: Callable[[bool], None],
        say: Callable[[str], None],
        activated: int | None = None,
    ) -> None:
        self.unready = ""
        self._activated = activated
        self._connect = connect
        self._port, self._told, self._say = port, told, say
        self._readiness = Probe.of(container.get("readinessProbe"))
        self._liveness = Probe.of(container["livenessProbe"]) if container.get("livenessProbe") else None
        ports = container.get("ports") or []
        self._own: set[Any] = {0, None, *(each.get("containerPort") for each in ports), *(each.get("name") for each in ports)}

    async def watch(self, process: Process, execute: Callable[[tuple[str, ...], float], Awaitable[str]]) -> None:
        probe = self._readiness
        await asyncio.sleep(probe.delay)
        pause, good, bad, ready = FIRST_PAUSE, 0, 0, False
        living: asyncio.Task[None] | None = None
        try:
            while process.alive:
                if self._activated is not None and not accepts(process.pid, self._activated):
                    self.unready = "it does not accept on the socket that it was handed"
                else:
                    self.unready = await ask(probe, self._where(probe), execute, self._connect)
                good, bad = (good + 1, 0) if not self.unready else (0, bad + 1)
                if not ready and good >= probe.successes:
                    ready = True
                    self._told(True)
                    if self._liveness is not None and living is None:
                        living = asyncio.create_task(self._stay_alive(process, self._liveness, execute))
                elif ready and bad >= probe.failures:
                    ready = False
                    self._told(False)
                if ready and probe.kind == "tcpSocket" and probe.period is None:
                    break  # it listens; that it ends is seen by itself
                await asyncio.sleep(probe.period or (READY_PERIOD if ready else pause))
                pause = min(pause * 1.5, LONGEST_PAUSE)
            if living is not None:
                await living
        finally:
            if living is not None:
                living.cancel()

    async def _stay_alive(self, process: Process, probe: Probe, execute: Callable[[tuple[str, ...], float], Awaitable[str]]) -> None:
        await asyncio.sleep(probe.delay)
        bad = 0
        while process.alive:
            why = await ask(probe, self._where(probe), execute, self._connect)
            bad = bad + 1 if why else 0
            if bad >= probe.failures:
                self._say(f"liveness probe failed: {why}; the container is started again")
                process.signal(signal.SIGTERM)
                await asyncio.sleep(KILL_AFTER)
                process.signal(signal.SIGKILL)
                return
            await asyncio.sleep(probe.period or READY_PERIOD)

    def _where(self, probe: Probe) -> int:
        """The template's own port is the one that the process was given as PORT; another is what it says."""
        return self._port if probe.port in self._own or not str(probe.port).isdigit() else int(str(probe.port))


def accepts(pid: int, inode: int) -> bool:
    """Whether the process waits for connections on a socket that it was handed. Its siblings listen on the same one and would answer a probe,
    so the question is put to the kernel: does one of its epoll sets hold the socket, under whatever number?"""
    try:
        names = [name for name in os.listdir(f"/proc/{pid}/fd") if _link(pid, name) == f"socket:[{inode}]"]
        for name in os.listdir(f"/proc/{pid}/fdinfo"):
            with open(f"/proc/{pid}/fdinfo/{name}") as file:
                if any(line.startswith("tfd:") and line.split()[1] in names for line in file):
                    return True
    except OSError:  # it is going
        return False
    return False


def _link(pid: int, name: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/fd/{name}")
    except FileNotFoundError:  # closed since it was listed
        return ""


async def execute(launcher: Launcher, container: Process, base: Command, argv: tuple[str, ...], timeout: float) -> str:
    """An exec probe: "" when it ended well, else why not."""
    nothing = os.open("/dev/null", os.O_WRONLY)
    try:
        process = await launcher.enter(container, replace(base, argv=argv, listen=()), nothing, nothing)
    except Unstartable as error:
        return str(error)
    finally:
        os.close(nothing)
    try:
        status = await asyncio.wait_for(asyncio.shield(process.ended), timeout)
    except TimeoutError:
        process.signal(signal.SIGKILL)
        return f"{argv[0]}: no end within {timeout:g} s"
    return "" if status == 0 else f"{argv[0]} ended with {status}"
