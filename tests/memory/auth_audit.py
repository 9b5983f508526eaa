"""The audit log in memory, with the chain of the real one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from events.platform import AuditRecord
from functions.auth.domain.audit import AuditEntry, Head, chain, erasure, removal
from functions.auth.ports.audit import REMOVAL_PERIOD, AuditFilter


@dataclass
class MemoryAuditLog:
    rows: list[AuditEntry] = field(default_factory=list)
    removed: Head = field(default_factory=Head)
    erased: set[UUID] = field(default_factory=set)

    async def append(self, records: Sequence[AuditRecord]) -> int:
        known = {row.id for row in self.rows}
        unique = {record.id: record for record in records if record.id not in known}
        erased = frozenset(each.user_id for each in unique.values() if each.user_id and self._is_erased(each.user_id))
        entries = chain(await self.head(), list(unique.values()), erased=erased)
        self.rows.extend(entries)
        return len(entries)

    def _is_erased(self, user_id: UUID) -> bool:
        return user_id in self.erased

    async def erase(self, user_id: UUID, correlation_id: str, now: datetime) -> None:
        if self._is_erased(user_id):
            return
        self.erased.add(user_id)
        self.rows = [replace(row, personal=None) if row.user_id == user_id else row for row in self.rows]
        await self.append([erasure(user_id, correlation_id, now)])

    async def remove(self, before: datetime, limit: int, now: datetime) -> int:
        if not self.rows or self.rows[0].at >= before - REMOVAL_PERIOD:
            return 0
        kept = next((index for index, row in enumerate(self.rows) if row.at >= before), len(self.rows))
        count = min(kept, len(self.rows) - 1, limit)
        if count:
            self.removed = Head(self.rows[count - 1].sequence, self.rows[count - 1].hash)
            self.rows = self.rows[count:]
            await self.append([removal(self.removed, now)])
        return count

    async def checkpoint(self) -> Head:
        return self.removed

    async def head(self) -> Head:
        return Head(self.rows[-1].sequence, self.rows[-1].hash) if self.rows else Head()

    async def list_page(self, selection: AuditFilter, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
        return [row for row in reversed(self.rows) if (before is None or row.sequence < before) and _matches(row, selection)][:limit]

    async def list_chain(self, *, after: int, limit: int) -> Sequence[AuditEntry]:
        return [row for row in self.rows if row.sequence > after][:limit]


def _matches(row: AuditEntry, selection: AuditFilter) -> bool:
    return (
        selection.user_id in (None, row.user_id)
        and (selection.function is None or f"{row.function}.".startswith(f"{selection.function}."))
        and (selection.target is None or f"{row.target}/".startswith(f"{selection.target}/"))
        and (selection.since is None or row.at >= selection.since)
        and (selection.until is None or row.at < selection.until)
    )
