"""Objects of the backup store as files below a folder: any file system, also one that is mounted from elsewhere."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from functions.wire.backups.errors import BackupNotFound, BackupStoreFull, BackupStoreRefused, BackupStoreUnavailable
from functions.wire.backups.objects import StoredObject, require_name

READ_BYTES = 1024 * 1024
TEMPORARY = ".partial-"
"""Begins the name of a file that is being written. No name of an object begins with a dot."""


class FolderObjects:
    """`is_shared`: members of the folder's group may read and delete what this process writes, so that the platform's functions and `./taskw`
    share a store. The objects are encrypted."""

    def __init__(self, folder: Path, *, is_shared: bool = False) -> None:
        self._folder = folder
        self._file_mode, self._folder_mode = (0o660, 0o770) if is_shared else (0o600, 0o700)

    def write(self, name: str, chunks: Iterable[bytes]) -> int:
        path = self._path(name)
        temporary = path.parent / f"{TEMPORARY}{uuid4().hex}"
        with self._translated(path):
            descriptor = self._create(temporary)
        try:
            size = 0
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                for chunk in chunks:  # what it raises is not the folder's
                    with self._translated(path):
                        size += _write_all(file.fileno(), chunk)
                with self._translated(path):
                    os.fchmod(file.fileno(), self._file_mode)
                    os.fsync(file.fileno())
            with self._translated(path):
                temporary.replace(path)
                _sync_folder(path.parent)
            return size
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def read(self, name: str) -> Iterator[bytes]:
        path = self._path(name)
        with self._translated(path):
            file = path.open("rb")
        with file:
            while True:
                with self._translated(path):
                    chunk = file.read(READ_BYTES)
                if not chunk:
                    return
                yield chunk

    def list(self, prefix: str) -> Iterator[StoredObject]:
        for path in self._files(self._folder / prefix):
            if not path.name.startswith("."):
                with self._translated(path):
                    try:
                        status = path.stat()
                    except FileNotFoundError:
                        continue  # deleted meanwhile
                yield StoredObject(path.relative_to(self._folder).as_posix(), status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

    def delete(self, name: str) -> None:
        path = self._path(name)
        with self._translated(path):
            path.unlink(missing_ok=True)
            for parent in path.relative_to(self._folder).parents[:-1]:
                try:
                    (self._folder / parent).rmdir()
                except FileNotFoundError:
                    continue
                except OSError:
                    break  # it holds other objects

    def delete_unfinished(self, before: datetime) -> None:
        for path in self._files(self._folder):
            if path.name.startswith(TEMPORARY):
                with self._translated(path):
                    try:
                        if path.stat().st_mtime < before.timestamp():
                            path.unlink()
                    except FileNotFoundError:
                        continue  # its write has ended

    def _path(self, name: str) -> Path:
        return self._folder / require_name(name)

    def _create(self, temporary: Path) -> int:
        """Create the file and the folders above it. The last `delete` in a folder removes it, possibly in between."""
        for attempt in range(3):
            self._make(temporary.parent)
            try:
                return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            except FileNotFoundError:
                if attempt == 2:
                    raise
        raise AssertionError

    def _make(self, folder: Path) -> None:
        """Create the folders below the store's own, which the operator creates: a disk that is not mounted is not written beside."""
        if not self._folder.is_dir():
            raise BackupStoreRefused(f"the folder of backups {self._folder} does not exist. Create it, or mount its disk.")
        for each in (*reversed(folder.relative_to(self._folder).parents[:-1]), folder.relative_to(self._folder)):
            path = self._folder / each
            if not path.is_dir():
                path.mkdir(exist_ok=True)
                path.chmod(self._folder_mode)

    def _files(self, folder: Path) -> Iterator[Path]:
        def refuse(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                raise error

        with self._translated(folder):
            found = [Path(parent) / name for parent, _, names in os.walk(folder, onerror=refuse) for name in names]
        yield from sorted(found)

    @contextmanager
    def _translated(self, path: Path) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise BackupNotFound(f"there is no {path.relative_to(self._folder)} in the folder of backups {self._folder}") from error
        except OSError as error:
            text = f"the folder of backups {self._folder}: {error.strerror or error}"
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise BackupStoreFull(f"{text}. Free space there, or delete old backups.") from error
            refused = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ELOOP)
            raise (BackupStoreRefused if refused else BackupStoreUnavailable)(text) from error


def _write_all(descriptor: int, chunk: bytes) -> int:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]
    return len(chunk)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
