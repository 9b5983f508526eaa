"""Run programs of the platform on files of tenants: in a sandbox of their own, or inside a container that has ended, as its user.

Implements `images.ports.ConfinedRunner`. A program has no network and limited memory, processes and time, and ends with
everything that it started.
"""

import asyncio
import os
import secrets
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from knative.local.images.plain import ENVIRONMENT, PlainRunner
from knative.local.images.ports import MAX_STDERR_BYTES, Program, ProgramResult
from knative.local.processes.control_groups import ControlGroup
from knative.local.processes.launcher import Launcher
from knative.local.processes.process import Command, ContainerNamespaces, Process, StartError
from knative.local.processes.resource_limits import ResourceLimits
from knative.local.sandbox.identities import APPLICATION_USER, Identities
from knative.local.sandbox.isolation import Abilities, init_program
from knative.local.sandbox.plan import Isolation, Mount, Sandbox, arrange
from knative.local.trash import Trash

MAX_PROCESSES = 64
SET_OWNERS = (0, 1, 3)
"""CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER."""
SIGNAL_OFFSET = 128
START_FAILED_CODE = 127
GROUP_REMOVAL_TRIES, GROUP_REMOVAL_PAUSE_SECONDS = 100, 0.02


@dataclass(frozen=True, slots=True)
class EndedContainer:
    """A container whose processes have ended and whose file system still exists."""

    namespaces: ContainerNamespaces
    sandbox: Sandbox


class ConfinedHost(Protocol):
    """What the runner needs from the node."""

    abilities: Abilities
    identities: Identities
    launcher: Launcher
    trash: Trash
    filter: bytes | None

    def create_control_group(self, name: str, limits: ResourceLimits, is_trusted: bool) -> ControlGroup | None: ...

    def system_mounts(self) -> tuple[list[Mount], list[tuple[str, str]]]: ...


class ConfinedPrograms:
    """A ConfinedRunner. `scratch`: a folder for the sandboxes' roots. A program's `container` is an EndedContainer."""

    def __init__(self, host: ConfinedHost, scratch: Path) -> None:
        self._host, self._scratch = host, scratch

    async def run(self, program: Program) -> ProgramResult:
        if self._host.abilities.isolation is Isolation.NONE:
            return await PlainRunner().run(program)
        name = f"program-{secrets.token_hex(8)}"
        limits = ResourceLimits(memory_bytes=program.memory_bytes, processes=MAX_PROCESSES)
        group = self._host.create_control_group(name, limits, is_trusted=False)
        cgroups = group.paths if group else ()
        rlimits = {"RLIMIT_CORE": 1, **({} if group else {"RLIMIT_AS": program.memory_bytes})}
        root = self._scratch / name
        try:
            if isinstance(ended := program.container, EndedContainer):
                command = Command(tuple(program.argv), ENVIRONMENT, "/", rlimits, cgroups, ended.sandbox, stdin=program.stdin)
                return await self._run(command, program, ended.namespaces)
            root.mkdir(parents=True, mode=0o700)
            sandbox = self._plan_sandbox(name, root, program)
            try:
                command = Command(tuple(program.argv), ENVIRONMENT, "/", rlimits, cgroups, sandbox, stdin=program.stdin)
                return await self._run(command, program, None)
            finally:
                if sandbox.identity is not None:
                    self._host.identities.retire(sandbox.identity)
        finally:
            await _remove_group(group)
            self._host.trash.discard(root)

    def _plan_sandbox(self, name: str, root: Path, program: Program) -> Sandbox:
        host = self._host
        is_root, has_mapped_mounts = host.abilities.isolation is Isolation.ROOT, host.abilities.has_mapped_mounts
        identity = host.identities.allocate(name) if is_root else None
        mounts, links = host.system_mounts()
        mounts += [Mount(str(source), target) for source, target in program.readable]
        sets_owners = program.sets_owners and is_root and has_mapped_mounts
        for source, target in program.writable:
            if identity is not None:
                owner = (0 if sets_owners else APPLICATION_USER) if has_mapped_mounts else identity.user
                os.chown(source, owner, owner, follow_symlinks=False)
            mounts.append(Mount(str(source), target, writable=True, mapped=is_root and has_mapped_mounts))
        arranged_mounts, arranged_links = arrange(mounts, links)
        uid = (0 if sets_owners else APPLICATION_USER) if is_root else None
        return Sandbox(
            host.abilities.isolation, uid, str(root), arranged_mounts, arranged_links, identity=identity,
            own_network=True, filter=host.filter, init=init_program(), capabilities=SET_OWNERS if sets_owners else (),
        )  # fmt: skip

    async def _run(self, command: Command, program: Program, namespaces: ContainerNamespaces | None) -> ProgramResult:
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        reading, writing = os.pipe()
        stderr = asyncio.create_task(read_all(reading, MAX_STDERR_BYTES))
        process: Process | None = None
        try:
            async with asyncio.timeout(program.timeout_seconds):
                stdout = null if program.stdout is None else program.stdout
                if namespaces is None:
                    process = await self._host.launcher.start(command, stdout, writing)
                else:
                    process = await self._host.launcher.enter_ended(namespaces, command, stdout, writing)
                os.close(writing)
                writing = -1
                status = await process.ended
            return ProgramResult(_result_code(status), (await stderr).decode("utf-8", "replace").strip())
        except StartError as error:
            return ProgramResult(START_FAILED_CODE, str(error))
        except TimeoutError:
            return ProgramResult(-signal.SIGKILL, f"{command.argv[0]} was stopped after {program.timeout_seconds:g} s")
        finally:
            if writing >= 0:
                os.close(writing)
            os.close(null)
            if process is not None:
                process.signal(signal.SIGKILL)
                await process.ended
                process.namespaces.close()
            stderr.cancel()
            with suppress(asyncio.CancelledError):
                await stderr


def _result_code(status: int | None) -> int:
    """Return -N for signal N; an init reports 128 + N for its child."""
    if status is None:
        return -signal.SIGKILL
    return SIGNAL_OFFSET - status if status > SIGNAL_OFFSET else status


async def _remove_group(group: ControlGroup | None) -> None:
    for _ in range(GROUP_REMOVAL_TRIES):
        if group is None or (group.kill() and group.remove()):
            return
        await asyncio.sleep(GROUP_REMOVAL_PAUSE_SECONDS)


async def read_all(descriptor: int, max_bytes: int) -> bytes:
    """Read a descriptor to its end and close it. Returns the first `max_bytes`; the rest is dropped."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    head = bytearray()
    os.set_blocking(descriptor, False)

    def readable() -> None:
        try:
            data = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return
        head.extend(data[: max_bytes - len(head)])
        if not data:
            loop.remove_reader(descriptor)
            ended.set()

    loop.add_reader(descriptor, readable)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return bytes(head)
