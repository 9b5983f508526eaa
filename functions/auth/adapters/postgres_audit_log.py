"""The audit log in PostgreSQL. A trigger refuses to change or delete entries (`sql/auth`)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import orjson
from psycopg import sql

from events.platform import AuditRecord
from functions.auth.domain.audit import AuditEntry, Head, PersonalData, chain, erasure, removal
from functions.auth.ports.audit import REMOVAL_PERIOD, AuditFilter
from functions.runtime.storage.database import Database

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('audit_log', 0))"
"""One writer at a time. The next statement has a new snapshot (READ COMMITTED) and sees the end of the chain."""

SELECT = """
SELECT entry.sequence, entry.id, entry.at, entry.user_id, entry.function, entry.target, entry.content, encode(entry.hash, 'hex'),
       encode(personal.salt, 'hex'), personal.content
FROM audit_log AS entry LEFT JOIN audit_personal AS personal USING (sequence)
"""

APPEND = """
WITH entries AS (
    SELECT * FROM json_to_recordset(%s) AS entry (
        sequence bigint, id uuid, at timestamptz, user_id uuid, function text, target text, content text, hash text, personal json
    )
), personal_data AS (
    INSERT INTO audit_personal (sequence, salt, content)
    SELECT sequence, decode(personal->>'salt', 'hex'), personal->>'content' FROM entries WHERE personal->>'salt' IS NOT NULL
)
INSERT INTO audit_log (sequence, id, at, user_id, function, target, content, hash)
SELECT sequence, id, at, user_id, function, target, content, decode(hash, 'hex') FROM entries ORDER BY sequence
"""


class PostgresAuditLog:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, records: Sequence[AuditRecord]) -> int:
        connection = self._database.connection
        await connection.execute(LOCK)
        known = await self._known_ids(records)
        unique = {record.id: record for record in records if record.id not in known}
        users = {record.user_id for record in unique.values() if record.user_id is not None}
        entries = chain(await self.head(), list(unique.values()), erased=await self._erased(users) if users else frozenset())
        if not entries:
            return 0
        rows = [
            {
                "sequence": each.sequence, "id": each.id, "at": each.at, "user_id": each.user_id, "function": each.function, "target": each.target,
                "content": each.content, "hash": each.hash, "personal": each.personal,
            }
            for each in entries
        ]  # fmt: skip
        await connection.execute(APPEND, (orjson.dumps(rows).decode(),))
        return len(entries)

    async def _known_ids(self, records: Sequence[AuditRecord]) -> set[UUID]:
        cursor = await self._database.connection.execute("SELECT id FROM audit_log WHERE id = ANY(%s)", ([record.id for record in records],))
        return {row[0] for row in await cursor.fetchall()}

    async def _erased(self, users: set[UUID]) -> frozenset[UUID]:
        cursor = await self._database.connection.execute("SELECT user_id FROM audit_erasures WHERE user_id = ANY(%s)", (list(users),))
        return frozenset(row[0] for row in await cursor.fetchall())

    async def erase(self, user_id: UUID, correlation_id: str, now: datetime) -> None:
        connection = self._database.connection
        await connection.execute(LOCK)
        if await self._erased({user_id}):
            return
        await connection.execute("INSERT INTO audit_erasures (user_id, erased_at) VALUES (%s, %s)", (user_id, now))
        await connection.execute("DELETE FROM audit_personal WHERE sequence IN (SELECT sequence FROM audit_log WHERE user_id = %s)", (user_id,))
        await self.append([erasure(user_id, correlation_id, now)])

    async def remove(self, before: datetime, limit: int, now: datetime) -> int:
        connection = self._database.connection
        await connection.execute(LOCK)
        first = await self._head(
            "SELECT sequence, encode(hash, 'hex') FROM audit_log WHERE at < %s ORDER BY sequence LIMIT 1", before - REMOVAL_PERIOD
        )
        removed, head = await self.checkpoint(), await self.head()
        if first.sequence != removed.sequence + 1:
            return 0
        kept = await self._head("SELECT sequence, encode(hash, 'hex') FROM audit_log WHERE at >= %s ORDER BY sequence LIMIT 1", before)
        through = min((kept.sequence or head.sequence) - 1, head.sequence - 1, removed.sequence + limit)
        last = await self._head("SELECT sequence, encode(hash, 'hex') FROM audit_log WHERE sequence = %s", through)
        if last.sequence <= removed.sequence:
            return 0
        await connection.execute(
            "INSERT INTO audit_checkpoints (sequence, hash, created_at) VALUES (%s, %s, %s)", (last.sequence, bytes.fromhex(last.hash), now)
        )
        await connection.execute("DELETE FROM audit_personal WHERE sequence <= %s", (last.sequence,))
        await connection.execute("DELETE FROM audit_log WHERE sequence <= %s", (last.sequence,))
        await self.append([removal(last, now)])
        return last.sequence - removed.sequence

    async def checkpoint(self) -> Head:
        return await self._head("SELECT sequence, encode(hash, 'hex') FROM audit_checkpoints ORDER BY sequence DESC LIMIT 1")

    async def head(self) -> Head:
        return await self._head("SELECT sequence, encode(hash, 'hex') FROM audit_log ORDER BY sequence DESC LIMIT 1")

    async def _head(self, statement: LiteralString, *values: Any) -> Head:
        row = await (await self._database.connection.execute(statement, values)).fetchone()
        return Head() if row is None else Head(*row)

    async def list_page(self, selection: AuditFilter, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
        conditions: dict[str, Any] = {
            "entry.sequence < %s": before,
            "entry.user_id = %s": selection.user_id,
            "(entry.function = %s OR entry.function LIKE %s)": _prefixed(selection.function, "."),
            "(entry.target = %s OR entry.target LIKE %s)": _prefixed(selection.target, "/"),
            "entry.at >= %s": selection.since,
            "entry.at < %s": selection.until,
        }
        required = {text: value for text, value in conditions.items() if value is not None}
        where = "WHERE " + " AND ".join(required) if required else ""
        values = [each for value in required.values() for each in (value if isinstance(value, tuple) else (value,))]
        statement = sql.SQL(f"{SELECT} {where} ORDER BY entry.sequence DESC LIMIT %s")
        return [_entry(row) for row in await (await self._database.connection.execute(statement, [*values, limit])).fetchall()]

    async def list_chain(self, *, after: int, limit: int) -> Sequence[AuditEntry]:
        cursor = await self._database.connection.execute(f"{SELECT} WHERE entry.sequence > %s ORDER BY entry.sequence LIMIT %s", (after, limit))
        return [_entry(row) for row in await cursor.fetchall()]


def _prefixed(text: str | None, separator: str) -> tuple[str, str] | None:
    """Return a text and the pattern of everything below it."""
    if text is None:
        return None
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return text, f"{escaped}{separator}%"


def _entry(row: Sequence[Any]) -> AuditEntry:
    sequence, identity, at, user_id, function, target, content, digest, salt, personal = row
    return AuditEntry(sequence, identity, at, user_id, function, target, content, digest, None if salt is None else PersonalData(salt, personal))
