"""Sessions and the hashes of their refresh tokens in PostgreSQL.

Reads lock the row, so refreshes of one session run one after another.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from functions.auth.domain.session import Device, EndReason, Method, RefreshFamily, Session
from functions.auth.domain.tokens import RETENTION, OpaqueToken
from functions.kernel import Events
from functions.runtime.reliability import revoked_sessions
from functions.runtime.storage.database import Database

BATCH_SIZE = 5_000
COLUMNS = (
    "s.id, user_id, address, user_agent, started_at, last_seen_at, expires_at, rotated_at, s.generation, grace_uses, authenticated_at, methods,"
    " ended_at, end_reason"
)


class PostgresSessions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, session: Session, token: OpaqueToken) -> None:
        await self._database.connection.execute(
            "INSERT INTO sessions (id, user_id, address, user_agent, started_at, last_seen_at, expires_at, rotated_at, generation, grace_uses,"
            " authenticated_at, methods) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                session.id,
                session.user_id,
                session.device.address,
                session.device.user_agent,
                session.started_at,
                session.last_seen_at,
                session.expires_at,
                session.family.rotated_at,
                session.family.generation,
                session.family.grace_uses,
                session.authenticated_at,
                sorted(session.methods),
            ),
        )
        await self._issue(session, token)

    async def lock_by_refresh_token(self, token: OpaqueToken) -> tuple[Session, int] | None:
        row = await (
            await self._database.connection.execute(
                f"SELECT {COLUMNS}, t.generation FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id"
                " WHERE t.token_hash = %s FOR UPDATE OF s",
                (token.hash,),
            )
        ).fetchone()
        return None if row is None else (_session(row[:-1]), row[-1])

    async def get(self, session_id: UUID) -> Session | None:
        cursor = await self._database.connection.execute(f"SELECT {COLUMNS} FROM sessions s WHERE s.id = %s", (session_id,))
        row = await cursor.fetchone()
        return None if row is None else _session(row)

    async def lock(self, session_id: UUID) -> Session | None:
        row = await (
            await self._database.connection.execute(f"SELECT {COLUMNS} FROM sessions s WHERE s.id = %s FOR UPDATE", (session_id,))
        ).fetchone()
        return None if row is None else _session(row)

    async def save(self, session: Session, token: OpaqueToken | None = None) -> None:
        await self._database.connection.execute(
            "UPDATE sessions SET address = %s, user_agent = %s, last_seen_at = %s, expires_at = %s, rotated_at = %s, generation = %s,"
            " grace_uses = %s, authenticated_at = %s, methods = %s, ended_at = %s, end_reason = %s WHERE id = %s",
            (
                session.device.address,
                session.device.user_agent,
                session.last_seen_at,
                session.expires_at,
                session.family.rotated_at,
                session.family.generation,
                session.family.grace_uses,
                session.authenticated_at,
                sorted(session.methods),
                session.ended_at,
                session.end_reason,
                session.id,
            ),
        )
        if session.ended_at is not None:
            await revoked_sessions.add(self._database.connection, [session.id], session.ended_at)
        if token is not None:
            await self._issue(session, token)

    async def list_active(self, user_id: UUID, now: datetime, *, before: UUID | None, limit: int) -> Sequence[Session]:
        cursor = await self._database.connection.execute(
            f"SELECT {COLUMNS} FROM sessions s WHERE user_id = %s AND ended_at IS NULL AND expires_at > %s AND (%s::uuid IS NULL OR s.id < %s)"
            " ORDER BY s.id DESC LIMIT %s",
            (user_id, now, before, before, limit),
        )
        return [_session(row) for row in await cursor.fetchall()]

    async def end_all(self, user_id: UUID, reason: EndReason, now: datetime, kept: UUID | None = None) -> Events:
        # A sign-in shares a lock of its user (`Users.lock_unchanged`): it ends before this one reads, or waits for it.
        await self._database.connection.execute("SELECT FROM users WHERE id = %s FOR NO KEY UPDATE", (user_id,))
        cursor = await self._database.connection.execute(
            f"SELECT {COLUMNS} FROM sessions s WHERE user_id = %s AND s.ended_at IS NULL AND s.id IS DISTINCT FROM %s ORDER BY s.id FOR UPDATE",
            (user_id, kept),
        )
        events: Events = ()
        for session in map(_session, await cursor.fetchall()):
            events += session.end(reason, now)
            await self.save(session)
        return events

    async def prune(self, now: datetime) -> int:
        deleted = await self._database.connection.execute(
            "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE least(expires_at, ended_at) < %s LIMIT %s FOR UPDATE SKIP LOCKED)",
            (now - RETENTION, BATCH_SIZE),
        )
        return deleted.rowcount

    async def _issue(self, session: Session, token: OpaqueToken) -> None:
        await self._database.connection.execute(
            "INSERT INTO refresh_tokens (token_hash, session_id, generation) VALUES (%s, %s, %s)", (token.hash, session.id, session.generation)
        )


def _session(row: Sequence[Any]) -> Session:
    session_id, user_id, address, user_agent, started_at, last_seen_at, expires_at, rotated_at, generation, grace_uses, *state = row
    authenticated_at, methods, ended_at, reason = state
    return Session(
        session_id,
        user_id,
        Device(address, user_agent),
        started_at,
        last_seen_at,
        expires_at,
        RefreshFamily(rotated_at, generation, grace_uses),
        authenticated_at,
        frozenset(map(Method, methods)),
        ended_at,
        None if reason is None else EndReason(reason),
    )
