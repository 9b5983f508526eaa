"""What the store knows about an image: `record.json` beside its files. Only the platform writes it."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import orjson

from knative.local.images.image import OwnRoot

RECORD = "record.json"


@dataclass(frozen=True, slots=True)
class Record:
    namespace: str
    name: str
    """`capsule.local/apps/<application>`"""
    digest: str
    bytes: int
    files: int
    command: tuple[str, ...]
    env: Mapping[str, str]
    created_at: float
    """When a build last stored it, in seconds since the epoch."""
    boot: str
    """The kernel's boot id under which its digest was last computed."""
    own_root: OwnRoot | None = None

    @property
    def reference(self) -> str:
        return f"{self.name}@sha256:{self.digest}"

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read an image's record.

        Raises OSError, ValueError, KeyError or TypeError when it does not exist or is damaged.
        """
        found = orjson.loads((folder / RECORD).read_bytes())
        own_root = found.get("own_root")
        own_root = OwnRoot(**{**own_root, "groups": tuple(own_root["groups"])}) if own_root else None
        record = cls(**{**found, "command": tuple(found["command"]), "own_root": own_root})
        if (record.namespace, record.digest) != (folder.parent.name, folder.name):
            raise ValueError(f"{folder / RECORD} belongs to another image")
        return record

    def write(self, folder: Path) -> None:
        """Replace the record atomically. Returns when it is on disk."""
        fresh = folder / f".{RECORD}"
        with fresh.open("wb") as file:
            file.write(orjson.dumps(asdict(self)))
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(folder / RECORD)
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Write what was created or renamed in a folder to disk (fsync(2))."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
