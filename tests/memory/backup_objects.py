"""Objects of the backup store in memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from functions.wire.backups import BackupNotFound, StoredObject
from functions.wire.backups.objects import require_name


@dataclass
class MemoryObjects:
    rows: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)

    def write(self, name: str, chunks: Iterable[bytes]) -> int:
        content = b"".join(chunks)
        self.rows[require_name(name)] = (content, datetime.now(UTC))
        return len(content)

    def read(self, name: str) -> Iterator[bytes]:
        if name not in self.rows:
            raise BackupNotFound(f"there is no {name}")
        yield self.rows[name][0]

    def list(self, prefix: str) -> Iterator[StoredObject]:
        for name, (content, stored_at) in list(self.rows.items()):
            if name.startswith(prefix):
                yield StoredObject(name, len(content), stored_at)

    def delete(self, name: str) -> None:
        self.rows.pop(name, None)

    def delete_unfinished(self, before: datetime) -> None:
        """A write here has no middle."""
