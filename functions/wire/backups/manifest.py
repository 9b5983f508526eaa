"""What a backup consists of. Stored as its last object, encrypted like the others."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from functions.wire.backups.errors import BackupDamaged, BackupNotFound

MANIFEST = "manifest"
"""The name of the object. No part has it."""
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    size_bytes: int
    """Of its content."""
    stored_bytes: int
    """In the store, encrypted."""
    sha256: str
    """Of its content, hexadecimal."""


@dataclass(frozen=True, slots=True)
class Manifest:
    collection: str
    id: str
    created_at: datetime
    parts: Sequence[Part]
    metadata: Mapping[str, Any]
    """JSON of the kind of backup."""

    def part(self, name: str) -> Part:
        """Raises BackupNotFound."""
        for each in self.parts:
            if each.name == name:
                return each
        raise BackupNotFound(f"the backup {self.id} of {self.collection} has no part {name}")

    @property
    def stored_bytes(self) -> int:
        return sum(each.stored_bytes for each in self.parts)

    @property
    def size_bytes(self) -> int:
        return sum(each.size_bytes for each in self.parts)

    def encode(self) -> bytes:
        parts = [{"name": each.name, "size": each.size_bytes, "stored": each.stored_bytes, "sha256": each.sha256} for each in self.parts]
        value = {"format": FORMAT, "collection": self.collection, "id": self.id, "createdAt": self.created_at.isoformat(), "parts": parts}
        return json.dumps({**value, "metadata": self.metadata}, sort_keys=True).encode()

    @classmethod
    def decode(cls, encoded: bytes, name: str) -> Self:
        """Raises BackupDamaged, also for a format of a newer version."""
        value = json.loads(encoded)
        if value["format"] != FORMAT:
            raise BackupDamaged(f"{name} has format {value['format']}; this version of Capsule reads format {FORMAT}. Use the version that wrote it.")
        parts = tuple(Part(each["name"], each["size"], each["stored"], each["sha256"]) for each in value["parts"])
        return cls(value["collection"], value["id"], datetime.fromisoformat(value["createdAt"]), parts, value["metadata"])
