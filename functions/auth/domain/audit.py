"""The audit log: a chain of entries, each with the hash of the one before it.

    hash = SHA-256(canonical JSON of the entry), in which `previousHash` is the hash of the entry before

Canonical JSON is RFC 8785. Personal data (address, User-Agent, personal values) stands beside an entry, which has only a salted
digest of it: so it can be erased with a user's account, and the chain still verifies. The salt is erased too, because addresses are
few enough to be guessed. `docs/audit.md` describes the format for others who verify it.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import rfc8785

from events.platform import ActorKind, AuditRecord
from functions.kernel import new_id

FIRST_HASH = "0" * 64
"""`previousHash` of the first entry."""
SALT_BYTES = 32
MAX_SAFE_INTEGER = 2**53 - 1
"""RFC 8785, 3.2.2.3: rfc8785 refuses larger ones."""
REMOVAL = "auth.housekeeping"
"""The function of the entry that records that entries at the beginning were removed. Its target is `audit`."""
MIN_RETENTION = timedelta(days=30)
"""The database removes nothing younger (`sql/auth`)."""
ERASURE = "auth.on_user_deleted"
"""The function of the entry that records that the personal data of a user was erased. Its target is `users/<id>`."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of the chain. `sequence` 0: it is empty."""

    sequence: int = 0
    hash: str = FIRST_HASH


@dataclass(frozen=True, slots=True)
class PersonalData:
    """`content`: canonical JSON. `salt`: hexadecimal."""

    salt: str
    content: str

    @classmethod
    def of(cls, record: AuditRecord) -> "PersonalData":
        values = {"before": record.before, "after": record.after} if record.is_personal else {}
        return cls(secrets.token_hex(SALT_BYTES), _canonical({"address": record.address, "userAgent": record.user_agent, **values}))

    @property
    def digest(self) -> str:
        return hashlib.sha256(bytes.fromhex(self.salt) + self.content.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """`content`: canonical JSON of the entry, of which `hash` is the hash. `personal`: None once it is erased."""

    sequence: int
    id: UUID
    at: datetime
    user_id: UUID | None
    function: str
    target: str
    content: str
    hash: str
    personal: PersonalData | None


def chain(head: Head, records: Sequence[AuditRecord], *, erased: frozenset[UUID]) -> list[AuditEntry]:
    """Return the entries of `records`, which follow `head`. `erased`: users without an account, for whom no personal data is stored."""
    entries = []
    for record in records:
        personal = None if record.user_id in erased else PersonalData.of(record)
        content = _canonical(_document(record, head, personal))
        entry = AuditEntry(
            head.sequence + 1,
            record.id,
            record.at,
            record.user_id,
            record.function,
            record.target,
            content,
            hashlib.sha256(content.encode()).hexdigest(),
            personal,
        )
        entries.append(entry)
        head = Head(entry.sequence, entry.hash)
    return entries


def removal(last: Head, now: datetime) -> AuditRecord:
    """The record that entries up to `last` were removed. It has the hash of `last`, from which the rest of the chain goes on."""
    return _system_record(REMOVAL, "audit", str(new_id()), now, {"removedThrough": last.sequence, "removedHash": last.hash})


def erasure(user_id: UUID, correlation_id: str, now: datetime) -> AuditRecord:
    """The record that the personal data of a user was erased, because the account was deleted."""
    return _system_record(ERASURE, erasure_target(user_id), correlation_id, now)


def _system_record(function: str, target: str, correlation_id: str, now: datetime, after: Mapping[str, Any] | None = None) -> AuditRecord:
    return AuditRecord(
        id=new_id(),
        at=now,
        function=function,
        actor=ActorKind.SYSTEM,
        user_id=None,
        session_id=None,
        target=target,
        outcome="done",
        reason=None,
        before=None,
        after=None if after is None else dict(after),
        is_personal=False,
        address="",
        user_agent="",
        correlation_id=correlation_id,
    )


def erasure_target(user_id: UUID) -> str:
    return f"users/{user_id}"


def _document(record: AuditRecord, head: Head, personal: PersonalData | None) -> dict[str, Any]:
    return {
        "sequence": head.sequence + 1,
        "id": str(record.id),
        "at": record.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "context": record.function.partition(".")[0],
        "function": record.function,
        "actor": record.actor.value,
        "userId": _optional(record.user_id),
        "sessionId": _optional(record.session_id),
        "target": record.target,
        "outcome": record.outcome,
        "reason": record.reason,
        "before": None if record.is_personal else record.before,
        "after": None if record.is_personal else record.after,
        "correlationId": record.correlation_id,
        "personalDigest": None if personal is None else personal.digest,
        "previousHash": head.hash,
    }


def _optional(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _canonical(document: Mapping[str, Any]) -> str:
    """Return canonical JSON. orjson writes the same bytes in a twelfth of the time, but for floats and for the order of names beyond ASCII."""
    if _is_plain(document):
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()
    return rfc8785.dumps(dict(document)).decode()


def _is_plain(value: Any) -> bool:
    if value is None or isinstance(value, (str, bool)):
        return True
    if isinstance(value, int):
        return -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER
    if isinstance(value, dict):
        return all(isinstance(name, str) and name.isascii() and _is_plain(each) for name, each in value.items())
    return isinstance(value, list) and all(map(_is_plain, value))
