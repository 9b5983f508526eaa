"""Sessions that have ended while their access tokens are still valid. Each context has its own list, so no function asks another context.

Auth adds a session in the transaction that ends it; the event `session.ended` adds it in the other contexts
(`operations.on_session_ended`). A command reads the list in the round trip that claims its message, a query in the one of
its first statement. So a function that was at zero refuses the tokens as one that was running does.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from functions.kernel import Caller, Rejection, Unauthenticated
from functions.runtime.storage.database import Connection, Database
from functions.runtime.storage.session import Result, Statement
from functions.wire.cloudevents import Message, parse_time

ENDED = "The session of this access token has ended: sign in again."


def lookup(caller: Caller | None) -> Statement | None:
    """Return the statement that looks up the caller's session; None for a caller without one."""
    if caller is None or caller.session_id is None:
        return None
    return Statement("SELECT revoked_at FROM revoked_sessions WHERE session_id = %s", (caller.session_id,))


def refuse_ended(found: Result, message: Message, *, is_recorded: bool) -> None:
    """Raise Unauthenticated if `lookup` found the caller's session. `found`: its result.

    A recorded message that was sent before the session ended is answered again: the session may have ended with that
    message (a sign-out that RabbitMQ delivers twice).
    """
    if not found.rows:
        return
    revoked_at, sent_at = found.rows[0][0], parse_time(message.time)
    if is_recorded and sent_at is not None and sent_at <= revoked_at:
        return
    raise Unauthenticated(ENDED)


def _lookup_any(callers: Sequence[Caller | None]) -> Statement | None:
    """Return the statement that finds whether one of their sessions has ended; None without a session."""
    if len(callers) == 1:
        return lookup(callers[0])
    sessions = [caller.session_id for caller in callers if caller is not None and caller.session_id is not None]
    return Statement("SELECT revoked_at FROM revoked_sessions WHERE session_id = ANY(%s) LIMIT 1", (sessions,)) if sessions else None


@asynccontextmanager
async def refusing_ended(connection: Connection, *callers: Caller | None) -> AsyncIterator[None]:
    """Look up the callers' sessions together with the first statement of the block. Raises Unauthenticated at its end if one has ended."""
    statement = _lookup_any(callers)
    if statement is None:
        yield
        return
    queued = connection.queue(*statement, is_scalar=True)

    async def refuse() -> None:
        if queued.result is None:
            await connection.flush()
        if queued.result is not None and queued.result.count:
            raise Unauthenticated(ENDED)

    try:
        yield
    except Rejection as rejection:
        await refuse()
        raise rejection
    await refuse()


async def add(connection: Connection, session_ids: Sequence[UUID], at: datetime) -> None:
    """Add ended sessions. Idempotent."""
    await connection.execute(
        "INSERT INTO revoked_sessions (session_id, revoked_at) SELECT unnest(%s::uuid[]), %s ON CONFLICT DO NOTHING", (list(session_ids), at)
    )


class RevokedSessions:
    """The list of one context."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, session_id: UUID, at: datetime) -> None:
        """Add an ended session. Idempotent."""
        await add(self._database.connection, [session_id], at)

    async def list_page(self, *, after: UUID | None, limit: int) -> Sequence[UUID]:
        """Return ids greater than `after`, in their order."""
        cursor = await self._database.connection.execute(
            "SELECT session_id FROM revoked_sessions WHERE %s::uuid IS NULL OR session_id > %s ORDER BY session_id LIMIT %s", (after, after, limit)
        )
        return [row[0] for row in await cursor.fetchall()]
