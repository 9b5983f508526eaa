"""Runs programs of the platform on bytes of tenants: in a sandbox of their own, or inside of a container that has ended, as its user.

The port is `images.ports.ConfinedRunner`. A program has no network, a limit of memory, processes and time, and ends with everything that it started.
"""

import asyncio
import os
import secrets
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from knative.local.images.plain import ENVIRONMENT, PlainRunner
from knative.local.images.ports import MAX_STDERR_BYTES, Finished
from knative.local.processes import Command, Namespaces, Process, Unstartable
from knative.local.processes_limits import Group, Limits
from knative.local.sandbox.identities import USER
from knative.local.sandbox.isolation import Isolation, init_program
from knative.local.sandbox.plan import Mount, Sandbox, arranged

if TYPE_CHECKING:
    from knative.local.serving.node import Node

PROCESSES = 64
KILLED_BY_SIGNAL = 128


@dataclass(frozen=True, slots=True)
class Visit:
    """A container whose processes have ended and whose file system is kept."""

    namespaces: Namespaces
    sandbox: Sandbox


class ConfinedPrograms:
    """A ConfinedRunner."""

    def __init__(self, node: "Node") -> None:
        self._node = node

    async def run(
        self,
        argv: Sequence[str],
        *,
        identity: object | None,
        readable: Sequence[tuple[Path, str]],
        writable: Sequence[tuple[Path, str]],
        stdin: int | None,
        stdout: int | None,
        memory_bytes: int,
        timeout_seconds: float,
    ) -> Finished:
        """`identity`: a Visit, whose file system the program sees instead of `readable`; None: an identity of its own. Else as the port says."""
        if self._node.isolation is Isolation.NONE:
            run = PlainRunner().run
            return await run(argv, identity=identity, readable=readable, writable=writable, stdin=stdin, stdout=stdout, memory_bytes=memory_bytes,
                             timeout_seconds=timeout_seconds)  # fmt: skip
        limits = Limits(memory=memory_bytes, processes=PROCESSES)
        name = f"program-{secrets.token_hex(8)}"
        group = self._node.group(name, limits, trusted=False)
        paths = group.paths if group else ()
        rlimits = {"RLIMIT_CORE": 1, **({} if group else {"RLIMIT_AS": memory_bytes})}
        scratch = self._node.settings.state / "programs" / name
        try:
            if isinstance(identity, Visit):
                command = Command(tuple(argv), ENVIRONMENT, "/", rlimits, paths, identity.sandbox, stdin=stdin)
                return await self._finish(command, stdout, timeout_seconds, identity.namespaces)
            scratch.mkdir(parents=True, mode=0o700)
            sandbox = self._sandbox(name, scratch, readable, writable)
            try:
                command = Command(tuple(argv), ENVIRONMENT, "/", rlimits, paths, sandbox, stdin=stdin)
                return await self._finish(command, stdout, timeout_seconds, None)
            finally:
                if sandbox.identity is not None:
                    self._node.identities.retire(sandbox.identity)
        finally:
            await _drop(group)
            self._node.trash.throw(scratch)

    def _sandbox(self, name: str, scratch: Path, readable: Sequence[tuple[Path, str]], writable: Sequence[tuple[Path, str]]) -> Sandbox:
        node = self._node
        is_root, maps = node.isolation is Isolation.ROOT, node.abilities.has_mapped_mounts
        identity = node.identities.allocate(name) if is_root else None
        mounts, links = node.system_mounts()
        mounts += [Mount(str(source), target) for source, target in readable]
        for source, target in writable:
            if identity is not None:
                owner = USER if maps else identity.user
                os.chown(source, owner, owner, follow_symlinks=False)
            mounts.append(Mount(str(source), target, writable=True, mapped=is_root and maps))
        placed, placed_links = arranged(mounts, links)
        return Sandbox(
            node.isolation, USER if is_root else None, str(scratch), placed, placed_links, identity=identity, own_network=True, filter=node.filter,
            init=init_program(),
        )  # fmt: skip

    async def _finish(self, command: Command, stdout: int | None, seconds: float, namespaces: Namespaces | None) -> Finished:
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        reading, writing = os.pipe()
        output = asyncio.create_task(read_all(reading, MAX_STDERR_BYTES))
        process: Process | None = None
        try:
            async with asyncio.timeout(seconds):
                to = null if stdout is None else stdout
                if namespaces is None:
                    process = await self._node.launcher.start(command, to, writing)
                else:
                    process = await self._node.launcher.revisit(namespaces, command, to, writing)
                os.close(writing)
                writing = -1
                status = await process.ended
            told = (await output).decode("utf-8", "replace").strip()
            return Finished(_code(status), told)
        except Unstartable as error:
            return Finished(KILLED_BY_SIGNAL - 1, str(error))
        except TimeoutError:
            return Finished(-signal.SIGKILL, f"{command.argv[0]} was stopped after {seconds:g} s")
        finally:
            if writing >= 0:
                os.close(writing)
            os.close(null)
            if process is not None:
                process.signal(signal.SIGKILL)
                await process.ended
                process.namespaces.close()
            output.cancel()
            with suppress(asyncio.CancelledError):
                await output


def _code(status: int | None) -> int:
    """As the port has it: -N for signal N; an init says 128 + N of its child."""
    if status is None:
        return -signal.SIGKILL
    return KILLED_BY_SIGNAL - status if status > KILLED_BY_SIGNAL else status


async def _drop(group: Group | None) -> None:
    for _ in range(100):
        if group is None or (group.kill() and group.remove()):
            return
        await asyncio.sleep(0.02)


async def read_all(descriptor: int, limit: int) -> bytes:
    """What comes until the end, of it the first `limit` bytes; closes the descriptor."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    kept = bytearray()
    os.set_blocking(descriptor, False)

    def readable() -> None:
        try:
            data = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return
        kept.extend(data[: limit - len(kept)])
        if not data:
            loop.remove_reader(descriptor)
            ended.set()

    loop.add_reader(descriptor, readable)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return bytes(kept)
