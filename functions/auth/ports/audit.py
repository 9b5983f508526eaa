"""The port of the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from events.platform import AuditRecord
from functions.auth.domain.audit import AuditEntry, Head


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """`user_id`: who acted, or the account that an anonymous request concerned. `function`: a function or a context. `target`: a path,
    with all below it. `since`: inclusive, `until`: exclusive."""

    user_id: UUID | None = None
    function: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None


REMOVAL_PERIOD = timedelta(days=1)


class AuditRetention(Protocol):
    @property
    def age(self) -> timedelta | None:
        """How long entries are kept; None: without a limit."""
        ...


class AuditLog(Protocol):
    """Append-only. The chain has no gap; its beginning may be removed."""

    async def append(self, records: Sequence[AuditRecord]) -> int:
        """Chain records in their order behind the last entry, each once by its id. Returns how many were new.

        Locks the end of the chain until the transaction ends. No personal data of a deleted user is stored.
        """
        ...

    async def erase(self, user_id: UUID, correlation_id: str, now: datetime) -> None:
        """Delete the personal data of a user's entries and append the entry that records it. Idempotent."""
        ...

    async def remove(self, before: datetime, limit: int, now: datetime) -> int:
        """Remove entries from the beginning up to the first one that is not older than `before`, at most `limit`, and append the entry
        that records it. The last entry stays. Returns how many were removed. Idempotent.

        Does nothing until the first entry is a day older than `before`, so that it is recorded once a day.
        """
        ...

    async def checkpoint(self) -> Head:
        """The last entry that was removed; sequence 0 if none was."""
        ...

    async def head(self) -> Head: ...

    async def list_page(self, selection: AuditFilter, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
        """Entries with a sequence below `before`, the last one first."""
        ...

    async def list_chain(self, *, after: int, limit: int) -> Sequence[AuditEntry]:
        """Entries with a sequence above `after`, in their order."""
        ...
