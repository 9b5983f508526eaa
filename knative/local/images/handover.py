"""Copy a build's image into the store: pack, convert, hash, rename.

1. The packer, an unprivileged process with the build's identity, runs the system's tar over the workspace, which it
   sees read-only.
2. The converter (`unpacking`), an unprivileged process with a new identity, writes new files from that stream, within
   limits.
3. The platform measures the new tree and names it by its digest.
4. One rename makes it an image.

The platform itself opens no path in the build's workspace, and the image shares no inode with a process of the build.
"""

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from knative.local import unpacking
from knative.local.images.errors import BadImage
from knative.local.images.garbage_collection import ImageGarbageCollector
from knative.local.images.ports import ConfinedRunner, Program, ProgramResult
from knative.local.images.record import Record
from knative.local.images.store import Images, Staging
from knative.local.images.tree import Tree, measure
from knative.local.unpacking.unpacker import Limits

UNPACKING, UNPACKING_TARGET = Path(unpacking.__file__).parent, "/run/capsule/knative/local/unpacking"
IMAGE_TARGET = "/image"
REFUSED = 3
"""Exit code of `unpacking.unpack`."""
PACKER_MEMORY_BYTES, CONVERTER_MEMORY_BYTES = 512 << 20, 512 << 20
TIMEOUT_SECONDS = 180.0
"""Enough for an image of the largest size on a slow disk."""
INTERPRETER = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
PIPE_BYTES = 1 << 20
TAR = ("tar", "--create", "--file=-", "--format=gnu", "--no-acls", "--no-selinux", "--no-xattrs", "--directory")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a build left its image."""

    volume: Path
    """The volume on this machine."""
    mounted_at: str
    """The volume's mount path in the build."""
    path: str
    """The image's path in the build, inside the volume."""
    has_own_root: bool = False
    """Whether it is an image with a root file system of its own, whose owners and permissions stay."""


class HandOver:
    def __init__(self, images: Images, collector: ImageGarbageCollector, runner: ConfinedRunner) -> None:
        self.runner = runner
        self._images, self._collector = images, collector

    async def store(self, source: Source, name: str, namespace: str, *, container: object | None = None, limits: Limits = Limits()) -> Record:
        """Store a build's image under `name`.

        Call it when every process of the build has ended.

        `container`: the build's ended container, which `runner` understands. Raises BadImage; OSError when the disk
        fails.
        """
        staging = await asyncio.to_thread(self._images.stage, namespace)
        try:
            await self._copy(source, staging, container, limits)
            tree: Tree = await asyncio.to_thread(measure, staging.content, limits, take_ownership=True)
            if source.has_own_root != (tree.manifest.own_root is not None):
                raise BadImage("The kind of the image in the build's result is not that of its image.json.")
            if not self._images.has((namespace, tree.digest)):
                self._collector.make_room(tree.bytes)
            record = await self._images.add(staging, name, tree)
        finally:
            self._images.discard(staging)
            self._collector.schedule()
        return record

    async def _copy(self, source: Source, staging: Staging, container: object | None, limits: Limits) -> None:
        path = PurePosixPath(source.path)
        with _pipe() as pipe:
            packer = asyncio.create_task(self._pack(source, path, container, pipe), name=f"pack {source.path}")
            converter = asyncio.create_task(self._convert(source, staging, limits, pipe), name=f"convert {source.path}")
            try:
                await asyncio.wait({packer, converter}, return_when=asyncio.FIRST_COMPLETED)
                if not (packer.done() and packer.result().code < 0 and packer.result().code != -signal.SIGPIPE):
                    _check_converter(await converter)  # it ends after the packer: at the end of the stream, or because it refuses the stream
                _check_packer(await packer, source.path)
            finally:
                for task in (packer, converter):
                    task.cancel()
                await asyncio.gather(packer, converter, return_exceptions=True)

    async def _pack(self, source: Source, path: PurePosixPath, container: object | None, pipe: "_Pipe") -> ProgramResult:
        program = Program(
            argv=[*TAR, str(path.parent), "--", path.name],
            container=container,
            readable=[(source.volume, source.mounted_at)],
            stdout=pipe.write,
            memory_bytes=PACKER_MEMORY_BYTES,
            timeout_seconds=TIMEOUT_SECONDS,
        )
        try:
            return await self.runner.run(program)
        finally:
            pipe.close_write()

    async def _convert(self, source: Source, staging: Staging, limits: Limits, pipe: "_Pipe") -> ProgramResult:
        program = Program(
            argv=[
                INTERPRETER,
                "-I",
                "-S",
                f"{UNPACKING_TARGET}/unpack.py",
                IMAGE_TARGET,
                PurePosixPath(source.path).name,
                str(int(source.has_own_root)),
                *map(str, limits),
            ],
            sets_owners=source.has_own_root,
            readable=[(UNPACKING, UNPACKING_TARGET)],
            writable=[(staging.content, IMAGE_TARGET)],
            stdin=pipe.read,
            memory_bytes=CONVERTER_MEMORY_BYTES,
            timeout_seconds=TIMEOUT_SECONDS,
        )
        try:
            return await self.runner.run(program)
        finally:
            pipe.close_read()


def _check_converter(result: ProgramResult) -> None:
    if result.code == REFUSED:
        raise BadImage(result.stderr or "The image was refused.")
    if result.code:
        raise BadImage(f"The image could not be converted (code {result.code}): {result.stderr or 'no output'}")


def _check_packer(result: ProgramResult, path: str) -> None:
    """tar exits with 1 when files changed while it read them, and with 2 when it could not read some (tar(1))."""
    if result.code:
        raise BadImage(f"{path} cannot be read: {result.stderr or f'tar exited with {result.code}'}")


class _Pipe:
    def __init__(self) -> None:
        read, write = os.pipe()
        with suppress(PermissionError):  # the user's limit for all pipes is reached (pipe(7)); a smaller pipe works too
            fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._open = {read, write}
        self.read, self.write = read, write

    def close_read(self) -> None:
        self._close(self.read)

    def close_write(self) -> None:
        self._close(self.write)

    def _close(self, descriptor: int) -> None:
        if descriptor in self._open:
            self._open.remove(descriptor)
            os.close(descriptor)


@contextmanager
def _pipe() -> Iterator[_Pipe]:
    pipe = _Pipe()
    try:
        yield pipe
    finally:
        pipe.close_read()
        pipe.close_write()
