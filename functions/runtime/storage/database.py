"""A context's database: a small pool, and the transaction that is open around a handler.

Pools are empty until the first message and hold at most what the function's `Scale.pool` says, so that the sum over all functions stays below
the server's limit. Only transaction-level settings (`SET LOCAL`) are used: a pooler may stand in between.

A query reads as a role that can do nothing else (SELECT only, `default_transaction_read_only`, `lock_timeout`: settings of the role, so that they
hold behind a pooler too). Each of its statements is a transaction, and BEGIN and COMMIT, two of three round trips, are not needed: at READ COMMITTED
a statement has its own snapshot anyway. Where an installation names no such role, a query has a BEGIN READ ONLY.

No transaction waits for a lock longer than LOCK_TIMEOUT, whoever holds it (another worker with the same message, a migration): its message is tried
again later, and the connection is free for others. A pool whose server was away asks again with the next message, not after a backoff of its own.
At a fail-over it finds the new primary if the address names both: `host=a,b target_session_attrs=read-write`.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, LiteralString

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from functions.runtime.storage.session import Session, Statement

Connection = Session
Pool = AsyncConnectionPool[Session]

COMMIT = Statement("COMMIT")

LOCK_TIMEOUT = "2s"
SHORT_OF_LOCKS: LiteralString = f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"

_log = logging.getLogger("capsule.database")

_open: ContextVar[Connection | None] = ContextVar("open_transaction", default=None)

AWAY = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)
"""What psycopg raises when the server is gone, restarting, out of connections, or does not answer."""

CLASHES = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)
"""Transactions that lost against another one; the same work may be tried again at once."""

READ_ONLY = psycopg.errors.ReadOnlySqlTransaction
"""Meant of a transaction that was to write: a fail-over is under way. A query that writes is a fault."""

TOO_MUCH = "54"
"""Class of SQLSTATE: a value or a statement exceeds a limit of PostgreSQL. psycopg calls that operational too, but no waiting mends it."""


class DatabaseUnavailable(Exception):
    """The context's database does not answer."""


class Locked(DatabaseUnavailable):
    """Somebody else holds a lock for longer than LOCK_TIMEOUT."""


class NotPrimary(DatabaseUnavailable):
    """The server takes no writes: it is a standby that is not promoted yet, or a primary that is none any more."""


class CommitUnknown(DatabaseUnavailable):
    """The connection was lost while committing: whether it was, only the next look at the inbox can tell."""


class NothingCommitted(RuntimeError):
    """A programming error: a statement failed inside of the transaction and whoever asked for it went on as if it had not."""


class NoTransaction(RuntimeError):
    """A programming error: an adapter was used outside of the transaction that the runtime opens around a handler."""


def in_transaction() -> bool:
    return _open.get() is not None


def _pool(url: str, size: int, patience: float) -> Pool:
    return AsyncConnectionPool(
        url,
        connection_class=Session,
        min_size=0,
        max_size=size,
        timeout=patience,
        reconnect_timeout=patience,
        max_idle=60,
        open=False,
        kwargs={"autocommit": True, "connect_timeout": 3, "application_name": "capsule"},
    )


def _is_refusal(error: Exception) -> bool:
    """Whether the server itself has said no, so that nothing is committed: not a connection lost (class 08) nor a server going down (57P)."""
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    return state is not None and not state.startswith(("08", "57P"))


class Database:
    def __init__(self, url: str, size: int = 4, patience: float = 3.0, reader: str | None = None) -> None:
        """`size`: connections at most. `patience`: seconds to wait for one before the database counts as away. `reader`: the address with a role that
        can only read, for transactions that only read."""
        self._writing = _pool(url, size, patience)
        self._reading = _pool(reader, size, patience) if reader else None
        self._opened: set[Pool] = set()

    async def close(self) -> None:
        for pool in tuple(self._opened):
            await pool.close()

    @property
    def connection(self) -> Connection:
        """The connection of the open transaction. Raises NoTransaction."""
        connection = _open.get()
        if connection is None:
            raise NoTransaction("no transaction is open: an effect opens one with work.reading() or work.recording()")
        if connection.waiting:
            raise RuntimeError("statements of the runtime wait to be sent before any other")
        return connection

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False, at_once: bool = True) -> AsyncIterator[Connection]:
        """Opens a transaction for this task. Commits at the end, rolls back on an exception. Raises DatabaseUnavailable.

        What is said `later` on the connection goes with the COMMIT. `at_once=False`: BEGIN waits for what is sent first.
        """
        if in_transaction():
            raise RuntimeError("a transaction is already open in this task")
        alone = self._reading if read_only else None
        try:
            async with (await self._ready(alone or self._writing)).connection() as connection:
                if alone is None:
                    connection.later("BEGIN READ ONLY" if read_only else "BEGIN")
                    connection.later(SHORT_OF_LOCKS)
                    if at_once:
                        await connection.flush()
                token = _open.set(connection)
                try:
                    yield connection
                    if alone is None:
                        await self._commit(connection)
                except BaseException as error:
                    if alone is None:
                        await self._roll_back(connection)
                    if isinstance(error, READ_ONLY) and not read_only:
                        await connection.close()  # so that the next one is made to whoever is the primary then
                        raise NotPrimary(str(error).strip()) from error
                    raise
                finally:
                    _open.reset(token)
        except CLASHES:
            raise
        except psycopg.errors.LockNotAvailable as error:
            raise Locked(str(error).strip()) from error
        except AWAY as error:
            if isinstance(error, psycopg.Error) and (error.sqlstate or "").startswith(TOO_MUCH):
                raise
            raise DatabaseUnavailable(str(error).strip() or type(error).__name__) from error

    async def prepare(self, *, read_only: bool) -> None:
        """Connects before the first message asks for it; it may fail, and then the message says so."""
        pool = self._reading if read_only and self._reading is not None else self._writing
        try:
            async with (await self._ready(pool)).connection():
                return
        except AWAY as error:
            _log.info("no connection yet: %s", error)

    async def execute_async_commit(self, statement: LiteralString, parameters: Sequence[Any] = ()) -> None:
        """One writing statement, its own transaction, one round trip, and nobody waits for the disk: PostgreSQL may forget it if it crashes
        within the next second (`synchronous_commit`). Raises DatabaseUnavailable."""
        try:
            async with (await self._ready(self._writing)).connection() as connection:
                connection.later("BEGIN")
                connection.later(SHORT_OF_LOCKS)
                connection.later("SET LOCAL synchronous_commit = off")
                await connection.flush(Statement(statement, parameters), COMMIT)
        except READ_ONLY as error:
            raise NotPrimary(str(error).strip()) from error
        except AWAY as error:
            raise DatabaseUnavailable(str(error).strip() or type(error).__name__) from error

    async def _ready(self, pool: Pool) -> Pool:
        if pool not in self._opened:
            await pool.open()
            self._opened.add(pool)
        return pool

    async def _commit(self, connection: Connection) -> None:
        try:
            [committed] = await connection.flush(COMMIT)
        except AWAY as error:
            if _is_refusal(error):
                raise
            raise CommitUnknown(str(error).strip() or type(error).__name__) from error
        if committed.said != "COMMIT":
            raise NothingCommitted("a statement failed in this transaction, and its error was not heeded: nothing of it is committed")

    async def _roll_back(self, connection: Connection) -> None:
        """A connection that cannot even roll back is closed, so that the pool throws it away."""
        connection.waiting.clear()
        try:
            await connection.execute("ROLLBACK")
        except psycopg.Error:
            await connection.close()

    async def ping(self) -> None:
        """Raises DatabaseUnavailable if the server does not answer a query."""
        if in_transaction():
            await self.connection.execute("SELECT 1")
            return
        async with self.transaction(read_only=True) as connection:
            await connection.execute("SELECT 1")
