"""Runs a program as a plain child process, for machines without a sandbox and for tests."""

import asyncio
import os
import resource
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from knative.local.images.ports import MAX_STDERR_BYTES, Finished

ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


class PlainRunner:
    """A ConfinedRunner without confinement: there are no mounts, so a word of `argv` that is a path in one becomes the path on this machine."""

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
        null = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            *(_on_this_machine(word, (*readable, *writable)) for word in argv),
            stdin=null if stdin is None else stdin,
            stdout=null if stdout is None else stdout,
            stderr=asyncio.subprocess.PIPE,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        try:
            with suppress(ProcessLookupError):
                resource.prlimit(process.pid, resource.RLIMIT_AS, (memory_bytes, memory_bytes))
            async with asyncio.timeout(timeout_seconds):
                stderr = await _bounded(process.stderr)
                return Finished(await process.wait(), stderr)
        except TimeoutError:
            return Finished(-signal.SIGKILL, f"{argv[0]} was stopped after {timeout_seconds:g} s")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _bounded(stream: asyncio.StreamReader | None) -> str:
    assert stream is not None
    kept = b""
    while data := await stream.read(MAX_STDERR_BYTES):
        kept = (kept + data)[:MAX_STDERR_BYTES]
    return kept.decode("utf-8", "replace").strip()


def _on_this_machine(word: str, mounts: Sequence[tuple[Path, str]]) -> str:
    for source, target in sorted(mounts, key=lambda each: -len(each[1])):
        if word == target or word.startswith(target + "/"):
            return str(source) + word[len(target) :]
    return word
