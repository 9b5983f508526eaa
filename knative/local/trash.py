"""Delete files and folders in the background, whatever a tenant has created in them.

`discard` renames into the trash folder, which is atomic and takes no time. A task deletes from there, relative to
directory descriptors with O_NOFOLLOW and without recursion: a folder inside a folder is renamed up into the trash
folder under a new name, so neither the depth of a tree nor the length of a path matters. The trash folder must be on
the same file system as the discarded files (rename(2), EXDEV).
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

ENTRIES_PER_SLICE = 2000
"""Deleted between two pauses."""
PAUSE_SECONDS = 0.02
NAMES_PER_BATCH = 10_000
"""Read from the trash folder at once."""
MAX_PASSES = 100
"""Over one folder: deleting while reading a directory may leave entries for another pass (readdir(3))."""
OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Trash:
    """A Runnable. Files that are discarded while it is stopped stay in the trash folder until the next start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stuck: set[str] = set()
        """Names in the trash folder that could not be deleted. Logged once and retried at the next start."""
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False
        self.on_empty: Callable[[], None] = lambda: None
        """Called when everything discarded is deleted."""

    @property
    def is_empty(self) -> bool:
        """Whether everything discarded is deleted, except what cannot be deleted."""
        try:
            with os.scandir(self.folder) as entries:
                return all(entry.name in self._stuck for entry in entries)
        except FileNotFoundError:
            return True

    async def start(self) -> None:
        self._loop, self._is_stopping = asyncio.get_running_loop(), False
        self._changed.set()
        self._task = asyncio.create_task(self._run(), name="trash")

    async def stop(self) -> None:
        self._is_stopping = True
        self._changed.set()
        if self._task is not None:
            await self._task
        self._loop = self._task = None

    def discard(self, path: Path) -> bool:
        """Move a file or folder into the trash.

        Returns False when it does not exist. Thread-safe.

        Only the platform may be able to write to the parents of `path`. Raises OSError; EXDEV when it is on another
        file system.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            _make_writable(path.name, parent)
            os.rename(path.name, self.folder / _new_name(), src_dir_fd=parent)
        except FileNotFoundError:
            return False
        finally:
            os.close(parent)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._changed.set)
        return True

    async def _run(self) -> None:
        while not self._is_stopping:
            self._changed.clear()
            try:
                await self._empty()
                if not (self._is_stopping or self._stuck or self._changed.is_set()):
                    self.on_empty()
            except Exception:
                log.exception("emptying the trash %s failed; it is retried after the next deletion", self.folder)
            if not self._is_stopping:
                await self._changed.wait()

    async def _empty(self) -> None:
        work = self.delete()
        try:
            while not self._is_stopping and await asyncio.to_thread(_delete_slice, work):  # noqa: ASYNC110 - the pause limits the load
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            work.close()

    def delete(self) -> Generator[None]:
        """Delete everything, yielding after each entry. Entries that cannot be deleted are logged and skipped."""
        try:
            trash = os.open(self.folder, OPEN_FOLDER)
        except FileNotFoundError:
            return
        try:
            while names := self._names(trash):
                for name in names:
                    yield from self._delete(trash, name)
        finally:
            os.close(trash)

    def _names(self, trash: int) -> list[str]:
        with os.scandir(trash) as entries:
            return list(islice((entry.name for entry in entries if entry.name not in self._stuck), NAMES_PER_BATCH))

    def _delete(self, trash: int, name: str) -> Generator[None]:
        try:
            if stat.S_ISDIR(os.stat(name, dir_fd=trash, follow_symlinks=False).st_mode):
                for remaining in reversed(range(MAX_PASSES)):
                    yield from self._flatten(trash, name)
                    if _remove_folder(trash, name, is_last_pass=not remaining):
                        break
            else:
                os.unlink(name, dir_fd=trash)
        except FileNotFoundError:
            return
        except OSError as error:
            self._stuck.add(name)
            log.warning("%s cannot be deleted: %s", self.folder / name, error.strerror)
        yield

    def _flatten(self, trash: int, name: str) -> Generator[None]:
        """Empty one folder of the trash: move its folders up, unlink everything else.

        Raises the first OSError at the end.
        """
        folder = _open_folder(name, trash)
        failure: OSError | None = None
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            _make_writable(entry.name, folder)
                            os.rename(entry.name, _new_name(), src_dir_fd=folder, dst_dir_fd=trash)
                        else:
                            os.unlink(entry.name, dir_fd=folder)
                    except OSError as error:
                        failure = failure or error
                    yield
        finally:
            os.close(folder)
        if failure is not None:
            raise failure


def _delete_slice(work: Generator[None]) -> bool:
    """Delete ENTRIES_PER_SLICE entries. Returns whether there may be more."""
    return sum(1 for _ in zip(range(ENTRIES_PER_SLICE), work, strict=False)) == ENTRIES_PER_SLICE


def _open_folder(name: str, parent: int) -> int:
    _make_writable(name, parent)
    return os.open(name, OPEN_FOLDER, dir_fd=parent)


def _remove_folder(trash: int, name: str, is_last_pass: bool) -> bool:
    """Return False when the folder is not empty yet.

    Raises OSError, for a folder that is not empty only in the last pass.
    """
    try:
        os.rmdir(name, dir_fd=trash)
    except OSError as error:
        if is_last_pass or error.errno != errno.ENOTEMPTY:
            raise
        return False
    return True


def _make_writable(name: str, parent: int) -> None:
    """Give the owner access to a folder: one of mode 000 can be neither read nor moved.

    Through a descriptor, because fchmodat(2) follows links.
    """
    about = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if not stat.S_ISDIR(about.st_mode) or about.st_mode & 0o700 == 0o700 or os.geteuid() not in (0, about.st_uid):
        return
    folder = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        os.chmod(f"/proc/self/fd/{folder}", 0o700)
    finally:
        os.close(folder)


def _new_name() -> str:
    return secrets.token_hex(16)
