"""The folder of one data service on disk.

It belongs to the platform, and only `data` in it to the account of the servers: what the platform reads and writes by path is nothing that a server
can replace.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from knative.local.files import write_private
from knative.local.serving.service_account import server_account


class UnknownService(Exception):
    """There is no service of this name on this machine."""


class ServiceFolder:
    title = "service"
    """What it is, for messages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self.data = folder / "data"
        self.log = folder / "server.log"
        self._settings = folder / "service.json"

    def exists(self) -> bool:
        return self._settings.exists()

    def create_folder(self) -> None:
        """Idempotent."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o750)
        if account := server_account():
            os.chown(self.folder, -1, account.pw_gid)

    def give_to_servers(self) -> None:
        """Give the data to the account of the servers: a restored backup has files of root, or of an account with another number."""
        account = server_account()
        if account is None:
            return
        os.chown(self.folder, -1, account.pw_gid)
        if self.data.stat().st_uid == account.pw_uid:
            return
        for parent, _, names in os.walk(self.data, topdown=False):
            for path in (*(os.path.join(parent, name) for name in names), parent):
                os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
        self.data.chmod(0o700)

    def delete(self) -> None:
        """Idempotent."""
        self._settings.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)  # what is left has no settings, so it is no service; `create` uses the folder again

    def trim_log(self, max_bytes: int) -> None:
        """Before a start: delete a log that is longer."""
        if self.log.exists() and self.log.stat().st_size > max_bytes:
            self.log.unlink()

    def read(self) -> dict[str, Any]:
        """Return the settings. Raises UnknownService."""
        try:
            settings: dict[str, Any] = orjson.loads(self._settings.read_bytes())
        except FileNotFoundError as error:
            raise UnknownService(f"there is no {self.title} {self.name}") from error
        return settings

    def write(self, settings: Mapping[str, Any]) -> None:
        write_private(self._settings, orjson.dumps(settings))

    def publish(self, path: Path, text: str) -> None:
        """Write a file that the account of the servers reads. Atomic."""
        account = server_account()
        owner, mode = ((os.getuid(), account.pw_gid), 0o640) if account else (None, 0o600)
        write_private(path, text.encode(), owner, mode=mode)


def size_of(folders: Iterable[str | Path]) -> int:
    """Bytes of the files in folders. Links are not followed."""
    total = 0
    for folder in folders:
        for parent, _, names in os.walk(folder):
            for name in names:
                try:
                    total += os.lstat(os.path.join(parent, name)).st_size
                except FileNotFoundError:  # deleted meanwhile
                    continue
    return total
