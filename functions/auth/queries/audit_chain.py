"""Export the audit log as a chain that others can verify.

Entries in their order, as they are hashed. `docs/audit.md` describes the format; `capsule audit verify` checks it offline.
"""

import json
from typing import Annotated, Any

from pydantic import Field

from functions.auth.domain.audit import AuditEntry
from functions.auth.ports import AuditLog
from functions.kernel import ADMIN, Model, query
from functions.kernel.values import MAX_INT64


class ExportAuditChain(Model):
    after: Annotated[int, Field(default=0, ge=0, le=MAX_INT64, description="The sequence after which the page begins.")]
    limit: int = Field(default=500, ge=1, le=1000)


class PersonalDataView(Model):
    """`salt`: hexadecimal. The digest in the entry is SHA-256 of the salt's bytes and the canonical JSON of `content`."""

    salt: str
    content: dict[str, Any]


class ChainedEntryView(Model):
    """`hash`: SHA-256 of the canonical JSON of `entry`. `personal`: null once it is erased with the user's account."""

    entry: dict[str, Any]
    hash: str
    personal: PersonalDataView | None

    @classmethod
    def of(cls, row: AuditEntry) -> "ChainedEntryView":
        personal = PersonalDataView(salt=row.personal.salt, content=json.loads(row.personal.content)) if row.personal else None
        return cls(entry=json.loads(row.content), hash=row.hash, personal=personal)


class AuditChainView(Model):
    """`head_sequence`, `head_hash`: the last entry of the log. Note them elsewhere, and compare them with a later export."""

    items: list[ChainedEntryView]
    removed_through: int
    """The last entry that was removed after its retention, with its hash: the first entry that is left follows it. 0: none was."""
    removed_hash: str
    head_sequence: int
    head_hash: str


@query(http="GET /v1/audit/chain", allow=ADMIN)
async def audit_chain(request: ExportAuditChain, audit_log: AuditLog) -> AuditChainView:
    head, removed = await audit_log.head(), await audit_log.checkpoint()
    rows = await audit_log.list_chain(after=request.after, limit=request.limit)
    return AuditChainView(
        items=[ChainedEntryView.of(row) for row in rows],
        removed_through=removed.sequence,
        removed_hash=removed.hash,
        head_sequence=head.sequence,
        head_hash=head.hash,
    )
