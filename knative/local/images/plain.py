"""Run a program as a plain child process, for machines without a sandbox and for tests."""

import asyncio
import os
import resource
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from knative.local.images.ports import MAX_STDERR_BYTES, Program, ProgramResult

ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


class PlainRunner:
    """A ConfinedRunner without confinement.

    There are no mounts, so an argument that is a path in one becomes the path on this machine.
    """

    async def run(self, program: Program) -> ProgramResult:
        null = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            *(_on_this_machine(word, (*program.readable, *program.writable)) for word in program.argv),
            stdin=null if program.stdin is None else program.stdin,
            stdout=null if program.stdout is None else program.stdout,
            stderr=asyncio.subprocess.PIPE,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        try:
            with suppress(ProcessLookupError):
                resource.prlimit(process.pid, resource.RLIMIT_AS, (program.memory_bytes, program.memory_bytes))
            async with asyncio.timeout(program.timeout_seconds):
                stderr = await _read_bounded(process.stderr)
                return ProgramResult(await process.wait(), stderr)
        except TimeoutError:
            return ProgramResult(-signal.SIGKILL, f"{program.argv[0]} was stopped after {program.timeout_seconds:g} s")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _read_bounded(stream: asyncio.StreamReader | None) -> str:
    """Read to the end and return the first MAX_STDERR_BYTES."""
    assert stream is not None
    head = b""
    while data := await stream.read(MAX_STDERR_BYTES):
        head = (head + data)[:MAX_STDERR_BYTES]
    return head.decode("utf-8", "replace").strip()


def _on_this_machine(word: str, mounts: Sequence[tuple[Path, str]]) -> str:
    for source, target in sorted(mounts, key=lambda each: -len(each[1])):
        if word == target or word.startswith(target + "/"):
            return str(source) + word[len(target) :]
    return word
