"""Delete files and folders in the background, whatever a tenant made of them.

`throw` renames into the trash folder, which takes no time and cannot fail half-way. A task deletes from there: relative to directory descriptors with
O_NOFOLLOW, and without recursion: a folder in a folder is renamed up into the trash folder under a fresh name, so neither the depth of a tree nor
the length of a path matters. The trash folder is on the same
file system as what is thrown (rename(2), EXDEV).
"""

import asyncio
import errno
import logging
import os
import secrets
import stat
from collections.abc import Callable, Generator
from itertools import islice
from pathlib import Path

log = logging.getLogger(__name__)

SLICE = 2000
"""Deleted entries between two pauses."""
PAUSE_SECONDS = 0.02
BATCH = 10_000
"""Names read from the trash folder at once."""
PASSES = 100
"""Over one folder: deleting while reading a directory may leave entries for another pass (readdir(3))."""
OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Trash:
    """A Part: it works between start() and stop(); what is thrown at another time stays until the next start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stuck: set[str] = set()
        """Names in the trash folder that could not be deleted; logged once, tried again at the next start."""
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.on_empty: Callable[[], None] = lambda: None
        """Called when nothing is left of what was thrown."""

    @property
    def is_empty(self) -> bool:
        """Whether all that was thrown is deleted, but for what cannot be deleted."""
        try:
            with os.scandir(self.folder) as entries:
                return all(entry.name in self._stuck for entry in entries)
        except FileNotFoundError:
            return True

    async def start(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), False
        self._changed.set()
        self._task = asyncio.create_task(self._run(), name="trash")

    async def stop(self) -> None:
        self._stopping = True
        self._changed.set()
        if self._task is not None:
            await self._task
        self._loop = self._task = None

    def throw(self, path: Path) -> bool:
        """Renames a file or folder into the trash; False if there is none. Callable from any thread.

        The parents of `path` must be folders that only the platform can write to. Raises OSError, EXDEV for another file system.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            _make_writable(path.name, parent)
            os.rename(path.name, self.folder / _fresh_name(), src_dir_fd=parent)
        except FileNotFoundError:
            return False
        finally:
            os.close(parent)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._changed.set)
        return True

    async def _run(self) -> None:
        while not self._stopping:
            self._changed.clear()
            try:
                await self._empty()
                if not (self._stopping or self._stuck or self._changed.is_set()):
                    self.on_empty()
            except Exception:
                log.exception("the trash %s is not emptied; it is tried again after the next deletion", self.folder)
            if not self._stopping:
                await self._changed.wait()

    async def _empty(self) -> None:
        work = self.delete()
        try:
            while not self._stopping and await asyncio.to_thread(_advance, work):  # noqa: ASYNC110 - the pause is for others
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            work.close()

    def delete(self) -> Generator[None]:
        """Deletes everything, yielding after each entry; what cannot be deleted is logged and skipped."""
        try:
            trash = os.open(self.folder, OPEN)
        except FileNotFoundError:
            return
        try:
            progress = True
            while progress:
                names = self._names(trash)
                progress = bool(names)
                for name in names:
                    yield from self._delete(trash, name)
        finally:
            os.close(trash)

    def _names(self, trash: int) -> list[str]:
        with os.scandir(trash) as entries:
            return list(islice((entry.name for entry in entries if entry.name not in self._stuck), BATCH))

    def _delete(self, trash: int, name: str) -> Generator[None]:
        try:
            if stat.S_ISDIR(os.stat(name, dir_fd=trash, follow_symlinks=False).st_mode):
                for left in reversed(range(PASSES)):
                    yield from self._flatten(trash, name)
                    if _removed(trash, name, last=not left):
                        break
            else:
                os.unlink(name, dir_fd=trash)
        except FileNotFoundError:
            return
        except OSError as error:
            self._stuck.add(name)
            log.warning("%s cannot be deleted and stays: %s", self.folder / name, error.strerror)
        yield

    def _flatten(self, trash: int, name: str) -> Generator[None]:
        """Empties one folder of the trash: folders in it move up, everything else is unlinked. Raises the first OSError once the rest is done."""
        folder = _opened(name, trash)
        failure: OSError | None = None
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            _make_writable(entry.name, folder)
                            os.rename(entry.name, _fresh_name(), src_dir_fd=folder, dst_dir_fd=trash)
                        else:
                            os.unlink(entry.name, dir_fd=folder)
                    except OSError as error:
                        failure = failure or error
                    yield
        finally:
            os.close(folder)
        if failure is not None:
            raise failure


def _advance(work: Generator[None]) -> bool:
    """One slice of work; whether there may be more."""
    return sum(1 for _ in zip(range(SLICE), work, strict=False)) == SLICE


def _opened(name: str, parent: int) -> int:
    _make_writable(name, parent)
    return os.open(name, OPEN, dir_fd=parent)


def _removed(trash: int, name: str, last: bool) -> bool:
    try:
        os.rmdir(name, dir_fd=trash)
    except OSError as error:
        if last or error.errno != errno.ENOTEMPTY:
            raise
        return False
    return True


def _make_writable(name: str, parent: int) -> None:
    """A folder of mode 000 can be neither read nor moved by its owner. Through a descriptor, since fchmodat(2) follows links."""
    about = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if not stat.S_ISDIR(about.st_mode) or about.st_mode & 0o700 == 0o700 or os.geteuid() not in (0, about.st_uid):
        return
    folder = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        os.chmod(f"/proc/self/fd/{folder}", 0o700)
    finally:
        os.close(folder)


def _fresh_name() -> str:
    return secrets.token_hex(16)
