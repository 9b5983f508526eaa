"""Applications as bills name them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Application:
    """`updated_at`: the time of the last event about it."""

    id: UUID
    name: str
    updated_at: datetime
    is_deleted: bool = False
