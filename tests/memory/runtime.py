"""What the runtime itself offers to contexts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from functions.wire.email_suppression import Suppression


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


@dataclass
class MemoryEmailSuppressions:
    """A context's list of addresses that get no e-mails."""

    rows: dict[str, Suppression] = field(default_factory=dict)
    lifted: dict[str, datetime] = field(default_factory=dict)

    async def suppress(self, suppression: Suppression) -> bool:
        stored, lifted_at = self.rows.get(suppression.address), self.lifted.get(suppression.address)
        known = [at for at in (stored.suppressed_at if stored else None, lifted_at) if at is not None]
        if known and suppression.suppressed_at <= max(known):
            return False
        self.rows[suppression.address] = suppression
        return True

    async def lift(self, address: str, at: datetime) -> bool:
        found = await self.find(address)
        self.lifted[address.lower()] = max(at, self.lifted.get(address.lower(), at))
        return found is not None and found.suppressed_at < at

    async def find(self, address: str) -> Suppression | None:
        found, lifted_at = self.rows.get(address.lower()), self.lifted.get(address.lower())
        return None if found is None or (lifted_at is not None and lifted_at >= found.suppressed_at) else found

    async def find_lifted_at(self, address: str) -> datetime | None:
        return self.lifted.get(address.lower())

    async def list_page(self, search: str, *, after: str | None, limit: int) -> Sequence[Suppression]:
        active = [found for address in sorted(self.rows) if (found := await self.find(address)) is not None]
        return [each for each in active if search.lower() in each.address and (after is None or each.address > after)][:limit]
