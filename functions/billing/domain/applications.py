"""Applications as bills name them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Application:
    """`updated_at`: the time of the last event about it; the epoch if its usage names it and nothing has happened to it since."""

    id: UUID
    name: str
    updated_at: datetime
    is_deleted: bool = False

    @classmethod
    def used(cls, id: UUID, name: str) -> Self:
        """An application as its usage names it. Whatever is known of it is newer."""
        return cls(id, name, EPOCH)
