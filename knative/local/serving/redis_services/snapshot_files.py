"""The files of snapshots, in the folder of a Redis service, which belongs to the platform."""

import contextlib
import os
import shutil
from pathlib import Path

from knative.local.serving.service_account import server_account

BASE = "appendonly.aof.1.base.rdb"
MANIFEST = "appendonly.aof.manifest"
RESTORE_ID = "restore-id"
"""Beside the data that a restore has written. The server does not read it."""


class SnapshotFiles:
    def __init__(self, folder: Path, data: Path) -> None:
        self._written = data / "dump.rdb"
        self._live = data / "appendonlydir"
        self._snapshot = folder / "snapshot.rdb"
        self._staged = folder / "staged.rdb"
        self._draft, self._restored, self._former = folder / "restored.new", folder / "restored", folder / "former"

    def adopt_snapshot(self) -> int:
        """Move what the server has written out of its reach. Returns the size in bytes. Raises OSError."""
        self._written.rename(self._snapshot)
        return self._snapshot.lstat().st_size

    def read(self, offset: int, length: int) -> bytes:
        """Raises OSError, also for a link."""
        descriptor = os.open(self._snapshot, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return os.pread(descriptor, length, offset)
        finally:
            os.close(descriptor)

    def discard(self) -> None:
        self._snapshot.unlink(missing_ok=True)

    def stage(self, offset: int, piece: bytes, max_bytes: int) -> None:
        """Append a piece; offset 0 begins anew. Raises ValueError, OSError."""
        if offset + len(piece) > max_bytes:
            raise ValueError(f"the snapshot is larger than {max_bytes >> 20} MiB, which the plan allows for it")
        if offset == 0:
            self._staged.unlink(missing_ok=True)
        with self._staged.open("ab") as file:
            if file.tell() != offset:
                raise ValueError(f"{offset} is not the end of what was staged, {file.tell()}")
            file.write(piece)

    @property
    def restore_id(self) -> str | None:
        """Of the restore that the data are of."""
        try:
            descriptor = os.open(self._live / RESTORE_ID, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            return file.read(64).decode(errors="replace")

    def restore(self, restore_id: str) -> None:
        """Replace the data by what was staged, all or nothing. The server is stopped. Raises OSError."""
        shutil.rmtree(self._draft, ignore_errors=True)
        self._draft.mkdir(mode=0o700)
        self._staged.rename(self._draft / BASE)
        (self._draft / MANIFEST).write_text(f"file {BASE} seq 1 type b\n")
        (self._draft / RESTORE_ID).write_text(restore_id)
        if account := server_account():
            for each in (*self._draft.iterdir(), self._draft):
                os.chown(each, account.pw_uid, account.pw_gid)
        for each in self._draft.iterdir():
            _sync(each)
        self._draft.rename(self._restored)  # from here on it is done, and the next start completes it
        self.complete_restore()

    def complete_restore(self) -> None:
        """Move restored data into place, also those of a restore that was interrupted. The server is stopped. Idempotent. Raises OSError."""
        if not self._restored.exists():
            return
        shutil.rmtree(self._former, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):  # it has never run, or an interruption has moved them
            self._live.rename(self._former)
        self._restored.rename(self._live)
        shutil.rmtree(self._former, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
