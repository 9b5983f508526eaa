"""The port of what stores bytes under names."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}(/[a-z0-9][a-z0-9._-]{0,99}){0,7}")


@dataclass(frozen=True, slots=True)
class StoredObject:
    name: str
    size_bytes: int
    stored_at: datetime


class ObjectStore(Protocol):
    """Byte streams under names such as `services/018f…/manifest`: see `require_name`.

    All methods raise BackupStoreUnavailable (BackupStoreFull) and BackupStoreRefused, and block.
    """

    def write(self, name: str, chunks: Iterable[bytes]) -> int:
        """Store a stream and return its size in bytes. Replaces an object of that name.

        Atomic: until the last byte is safely stored, the name has what it had before. What `chunks` raises passes through, and leaves nothing.
        """
        ...

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of an object. Raises BackupNotFound at the first `next`."""
        ...

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose names begin with `prefix`, which ends in "/" or is empty. In no particular order."""
        ...

    def delete(self, name: str) -> None:
        """Idempotent."""
        ...

    def delete_unfinished(self, before: datetime) -> None:
        """Delete what writes that were interrupted before that time have left: temporary files, parts of uploads."""
        ...


def require_name(name: str) -> str:
    """Names are paths of lower-case segments: nothing that leaves its folder can be written as one. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(f'"{name}" is no name of an object: use up to 8 segments of a–z, 0–9, ".", "_" and "-", separated by "/"')
    return name
