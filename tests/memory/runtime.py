"""What the runtime itself offers to contexts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from functions.wire.email_suppression import Suppression, SuppressionReason, suppression_key


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
        key, at = suppression_key(suppression.address), suppression.suppressed_at
        stored, lifted_at = self.rows.get(key), self.lifted.get(key)
        if lifted_at is not None and at <= lifted_at:
            return False
        if stored is not None:
            is_worse = (suppression.reason, stored.reason) == (SuppressionReason.COMPLAINT, SuppressionReason.BOUNCE)
            if at <= stored.suppressed_at and not is_worse:
                return False
            is_active = lifted_at is None or lifted_at < stored.suppressed_at
            kept = stored if is_active and stored.reason is SuppressionReason.COMPLAINT else suppression
            suppression = replace(kept, suppressed_at=max(at, stored.suppressed_at))
        self.rows[key] = replace(suppression, address=key)
        return True

    async def lift(self, address: str, at: datetime) -> bool:
        found = await self.find(address)
        key = suppression_key(address)
        self.lifted[key] = max(at, self.lifted.get(key, at))
        return found is not None and found.suppressed_at <= at

    async def find(self, address: str) -> Suppression | None:
        found, lifted_at = self.rows.get(suppression_key(address)), self.lifted.get(suppression_key(address))
        return None if found is None or (lifted_at is not None and lifted_at >= found.suppressed_at) else found

    async def find_lifted_at(self, address: str) -> datetime | None:
        return self.lifted.get(suppression_key(address))

    async def list_page(self, search: str, *, after: str | None, limit: int) -> Sequence[Suppression]:
        active = [found for address in sorted(self.rows) if (found := await self.find(address)) is not None]
        return [each for each in active if suppression_key(search) in each.address and (after is None or each.address > after)][:limit]
