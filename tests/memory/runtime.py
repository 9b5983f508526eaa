"""What the runtime itself offers to contexts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


class MemoryHousekeeping:
    """Counts its runs: the runtime's own tables (inbox, outbox) do not exist in memory."""

    def __init__(self) -> None:
        self.runs = 0

    async def sweep(self) -> None:
        self.runs += 1


@dataclass
class MemoryRevokedSessions:
    """A context's list of ended sessions."""

    rows: dict[UUID, datetime] = field(default_factory=dict)

    async def add(self, session_id: UUID, at: datetime) -> None:
        self.rows.setdefault(session_id, at)

    async def list_page(self, *, after: UUID | None, limit: int) -> Sequence[UUID]:
        return sorted(each for each in self.rows if after is None or each > after)[:limit]
