"""Queries on replicas that have applied everything that the primary had committed when they began. docs/decisions/0062 has the reasons.

    position of the primary       one round trip, shared by the queries that arrive meanwhile
    position of a replica, BEGIN  one round trip, repeated for some milliseconds while it is behind
    handler                       its own, in one snapshot
    COMMIT                        one round trip

So a caller reads its own writes, and those of everybody who was answered before, through any gateway, without a token that clients must
carry. A replica that stays behind, does not answer, follows another timeline or was promoted gets no queries for a while: they are read from
the primary. Position and BEGIN are one message, because a pooler in transaction mode may lead each message outside a transaction to another
replica. The position is read in a transaction of its own: a snapshot is of the moment before its first statement executes, so a position that
this statement reads may be later than what the snapshot sees.

A position is a timeline and a place in the write-ahead log. The timeline of a replica is that of its last restartpoint: after a failover it
changes within `checkpoint_timeout` (5 minutes by default), and until then queries are read from the new primary. A former primary or a replica
that has applied what the new primary never had is on the former timeline, so no query is read there. PostgreSQL documentation, sections 9.27.3
(recovery information functions) and 26.4 (hot standby); `pg_last_wal_replay_lsn` counts a commit after it has become visible.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import psycopg

from functions.runtime.storage.failures import CLASHES, UNAVAILABLE_ERRORS, ReplicaFailed, error_text, is_limit_exceeded
from functions.runtime.storage.session import BEGIN_SNAPSHOT, COMMIT, Result, Session, Statement

OF_PRIMARY = Statement(
    "SELECT ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::bigint,"
    " pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint"
)
"""What is flushed: a transaction is answered after its commit was. Only `synchronous_commit = off` answers earlier."""
OF_REPLICA = Statement(
    "SELECT (pg_control_checkpoint()).timeline_id::bigint, pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint WHERE pg_is_in_recovery()"
)
WAITS_SECONDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032)
"""Between looks at a replica that is behind. PostgreSQL has `WAIT FOR LSN` from version 19 on."""
BEHIND_SECONDS, AWAY_SECONDS = 1.0, 10.0
"""How long a process reads from the primary after a replica was behind, or did not answer."""

_log = logging.getLogger("capsule.replicas")

Connect = Callable[[], AbstractAsyncContextManager[Session]]


class Position(NamedTuple):
    """`place`: bytes of the write-ahead log."""

    timeline: int
    place: int

    def includes(self, other: "Position") -> bool:
        return self.timeline == other.timeline and self.place >= other.place


class PrimaryPosition:
    """Reads the position of the primary for many queries at once: those that arrive during a reading share the next one."""

    def __init__(self, read: Callable[[], Awaitable[Position]]) -> None:
        self._read = read
        self._present: asyncio.Task[Position] | None = None
        self._next: asyncio.Task[Position] | None = None

    async def current(self) -> Position:
        """Return a position that was read after this call began. Raises DatabaseUnavailable."""
        if self._next is None:
            self._next = asyncio.create_task(self._read_after(self._present))
        return await asyncio.shield(self._next)

    async def _read_after(self, present: "asyncio.Task[Position] | None") -> Position:
        if present is not None:
            await asyncio.wait([present])
        self._present, self._next = self._next, None
        return await self._read()


class Replicas:
    """Of one context's database. `connect`: gives a connection to one of them. `now`: seconds of a clock that does not go back."""

    def __init__(self, connect: Connect, primary: PrimaryPosition, now: Callable[[], float] = time.monotonic) -> None:
        self._connect = connect
        self._primary = primary
        self._now = now
        self._paused_until = 0.0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session | None]:
        """Yield a connection in a read-only transaction; None if there is no replica that is up to date.

        Raises DatabaseUnavailable if the primary does not tell its position, ReplicaFailed if the replica ends what was begun.
        """
        async with AsyncExitStack() as stack:
            connection = await self._begin(stack)
            if connection is None:
                await stack.aclose()
                yield None
                return
            try:
                yield connection
                await connection.flush(COMMIT)
            except BaseException as error:
                await _roll_back(connection)
                if isinstance(error, (*UNAVAILABLE_ERRORS, *CLASHES)) and not is_limit_exceeded(error):
                    raise ReplicaFailed(error_text(error)) from error
                raise

    async def _begin(self, stack: AsyncExitStack) -> Session | None:
        if self._now() < self._paused_until:
            return None
        required = await self._primary.current()
        try:
            connection = await stack.enter_async_context(self._connect())
            for seconds in (0, *WAITS_SECONDS):
                await asyncio.sleep(seconds)
                found = await _begin_snapshot(connection)
                if _is_current(found, required):
                    return connection
                await _roll_back(connection)
        except UNAVAILABLE_ERRORS as error:
            self._pause(AWAY_SECONDS, f"no replica answers: {error_text(error)}")
            return None
        self._pause(BEHIND_SECONDS, f"a replica is at {_position(found) or 'no position: it was promoted'}, the primary at {required}")
        return None

    def _pause(self, seconds: float, reason: str) -> None:
        self._paused_until = self._now() + seconds
        _log.warning("queries are read from the primary for %g s: %s", seconds, reason)


async def _begin_snapshot(replica: Session) -> Result:
    """Begin a transaction. Returns the replica's position before its snapshot."""
    limit = Statement("SET LOCAL lock_timeout = '2s'")
    _, position, *_ = await replica.flush(Statement("BEGIN READ ONLY"), OF_REPLICA, COMMIT, BEGIN_SNAPSHOT, limit)
    return position


def position_of(result: Result) -> Position:
    """Return the position of a primary."""
    [(timeline, place)] = result.rows
    return Position(timeline, place)


def _position(result: Result) -> Position | None:
    """Return the position of a replica; None for a server that is none."""
    return position_of(result) if result.rows else None


def _is_current(result: Result, required: Position) -> bool:
    position = _position(result)
    return position is not None and position.includes(required)


async def _roll_back(connection: Session) -> None:
    """A connection that cannot is closed, so that its pool discards it."""
    connection.queued.clear()
    connection.aside.clear()
    try:
        await connection.execute("ROLLBACK")
    except psycopg.Error:
        await connection.close()
