"""A context's database: small pools, and the transaction that is open around a handler.

Queries use a role that can only read (SELECT grants, `default_transaction_read_only`, `lock_timeout`: settings of the role, so
they hold behind a pooler). They read in a snapshot, so that an answer from several statements is of one moment (docs/decisions/0075).
What is one statement by its nature is its own transaction: BEGIN and COMMIT would be two of three round trips. Without such a role
it runs in BEGIN READ ONLY. Where the operator names replicas, queries are read there (`storage.replicas`).
"""

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, LiteralString

import psycopg

from functions.runtime.storage.failures import (
    CLASHES,
    NOT_EXPECTED,
    READ_ONLY_ERROR,
    UNAVAILABLE_ERRORS,
    CommitUnknown,
    DatabaseUnavailable,
    Locked,
    NothingCommitted,
    NotPrimary,
    NoTransaction,
    error_text,
    is_limit_exceeded,
    is_server_refusal,
)
from functions.runtime.storage.pools import Address, ConnectionPool
from functions.runtime.storage.replicas import OF_PRIMARY, Position, PrimaryPosition, Replicas, position_of
from functions.runtime.storage.session import BEGIN_SNAPSHOT, COMMIT, AsideFailed, Session, Statement

Connection = Session

LOCK_TIMEOUT = "2s"
REPLICA_TIMEOUT_SECONDS = 1.0
"""How long a query waits for a connection to a replica before it is read from the primary."""

_log = logging.getLogger("capsule.database")

_open: ContextVar[Connection | None] = ContextVar("open_transaction", default=None)


def in_transaction() -> bool:
    """Whether this task has an open transaction."""
    return _open.get() is not None


class Database:
    def __init__(
        self,
        url: Address,
        size: int = 4,
        timeout_seconds: float = 3.0,
        reader_url: Address | None = None,
        replica_url: Address | None = None,
        has_prepared_statements: bool = True,
    ) -> None:
        """`size`: connections at most, for each role and to replicas. `timeout_seconds`: how long to wait for one.

        `reader_url`: connects with a role that can only read. `replica_url`: connects to replicas, with such a role.
        `has_prepared_statements`: False behind PgBouncer before 1.21.
        """

        def pool(address: Address, timeout_seconds: float = timeout_seconds) -> ConnectionPool:
            return ConnectionPool(address, size, timeout_seconds, has_prepared_statements=has_prepared_statements)

        self._writing = pool(url)
        self._reading = pool(reader_url) if reader_url else None
        replicas = pool(replica_url, min(timeout_seconds, REPLICA_TIMEOUT_SECONDS)) if replica_url else None
        self._replicas = Replicas(replicas.connection, PrimaryPosition(self._position)) if replicas else None
        self._pools = [each for each in (self._writing, self._reading, replicas) if each is not None]

    async def close(self) -> None:
        for pool in self._pools:
            await pool.close()

    @property
    def connection(self) -> Connection:
        """The connection of this task's transaction. Raises NoTransaction."""
        connection = _open.get()
        if connection is None:
            raise NoTransaction("no transaction is open: an effect opens one with work.reading() or work.recording()")
        return connection

    @asynccontextmanager
    async def transaction(
        self,
        *,
        read_only: bool = False,
        is_begin_queued: bool = False,
        lock_timeout: LiteralString = LOCK_TIMEOUT,
        expects_no_rare_rows: bool = False,
    ) -> AsyncIterator[Connection]:
        """Open a transaction for this task, on the primary. Commits at the end, rolls back on an exception.

        `read_only`: for one statement; several may each be a transaction of its own (`snapshot` has them read the same moment).
        Statements queued on the connection are sent with the COMMIT. `is_begin_queued`: BEGIN is not sent alone but with the first flush.
        `expects_no_rare_rows`: rows of `Session.queue_rare` are not read. Raises DatabaseUnavailable and its subclasses; NotExpected;
        serialization failures and deadlocks pass through.
        """
        if in_transaction():
            raise RuntimeError("a transaction is already open in this task")
        autocommit_pool = self._reading if read_only else None
        with _named_failures():
            async with (autocommit_pool or self._writing).connection() as connection:
                if autocommit_pool is None:
                    connection.queue("BEGIN READ ONLY" if read_only else "BEGIN")
                    connection.queue(_set_lock_timeout(lock_timeout))
                    if not is_begin_queued:
                        await connection.flush()
                token = _open.set(connection)
                connection.expects_no_rare_rows = expects_no_rare_rows
                try:
                    yield connection
                    if autocommit_pool is None:
                        await self._commit(connection)
                except BaseException as error:
                    if autocommit_pool is None:
                        await self._roll_back(connection)
                    if isinstance(error, READ_ONLY_ERROR) and not read_only:
                        await connection.close()  # the next connection is made to the primary of that time
                        raise NotPrimary(error_text(error)) from error
                    raise
                finally:
                    connection.expects_no_rare_rows = False
                    _open.reset(token)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """Open a read-only transaction on the primary in which every statement reads the moment of the first one.

        PostgreSQL documentation, section 13.2.2 (REPEATABLE READ). BEGIN travels with the first statement; without one, nothing is sent.
        Raises DatabaseUnavailable and its subclasses.
        """
        if in_transaction():
            raise RuntimeError("a transaction is already open in this task")
        with _named_failures():
            async with (self._reading or self._writing).connection() as connection:
                begin = connection.queue(*BEGIN_SNAPSHOT)
                if self._reading is None:
                    connection.queue(_set_lock_timeout(LOCK_TIMEOUT))
                token = _open.set(connection)
                try:
                    yield connection
                    if not connection.is_waiting(begin):
                        await connection.flush(COMMIT)
                except BaseException:
                    if not connection.is_waiting(begin):
                        await self._roll_back(connection)
                    raise
                finally:
                    connection.queued.clear()
                    _open.reset(token)

    @property
    def has_replicas(self) -> bool:
        """Whether the operator has named replicas. They may be away."""
        return self._replicas is not None

    @asynccontextmanager
    async def replica_transaction(self, *, is_one_statement: bool = False) -> AsyncIterator[Connection]:
        """Open a snapshot on a replica that has all that was committed before; on the primary where there is none.

        `is_one_statement`: no more is read, so the primary needs no snapshot. Raises DatabaseUnavailable; ReplicaFailed if the primary can do
        what the replica could not.
        """
        if self._replicas is None:
            async with self.transaction(read_only=True) if is_one_statement else self.snapshot() as connection:
                yield connection
            return
        async with self._replicas.transaction() as replica:
            if replica is not None:
                token = _open.set(replica)
                try:
                    yield replica
                finally:
                    _open.reset(token)
                return
            async with self.snapshot() as connection:
                yield connection

    async def _position(self) -> Position:
        """Return what the primary has flushed. Raises DatabaseUnavailable."""
        try:
            async with (self._reading or self._writing).connection() as connection:
                return position_of((await connection.flush(OF_PRIMARY))[0])
        except UNAVAILABLE_ERRORS as error:
            raise DatabaseUnavailable(error_text(error)) from error

    async def prepare(self, *, read_only: bool) -> None:
        """Connect before the first message arrives. A failure is only logged: the message reports it if it persists."""
        pool = self._reading if read_only and self._reading is not None else self._writing
        try:
            async with pool.connection():
                return
        except UNAVAILABLE_ERRORS as error:
            _log.info("the database is not available yet: %s", error)

    async def execute_async_commit(self, statement: LiteralString, parameters: Sequence[Any] = ()) -> None:
        """Execute one writing statement in its own transaction, in one round trip, without waiting for the disk.

        After a crash of PostgreSQL within the next second the write may be lost (`synchronous_commit = off`). Raises DatabaseUnavailable.
        """
        try:
            async with self._writing.connection() as connection:
                connection.queue("BEGIN")
                connection.queue(_set_lock_timeout(LOCK_TIMEOUT))
                connection.queue("SET LOCAL synchronous_commit = off")
                await connection.flush(Statement(statement, parameters), COMMIT)
        except READ_ONLY_ERROR as error:
            raise NotPrimary(error_text(error)) from error
        except UNAVAILABLE_ERRORS as error:
            raise DatabaseUnavailable(error_text(error)) from error

    async def ping(self) -> None:
        """Execute an empty query. Raises DatabaseUnavailable."""
        if in_transaction():
            await self.connection.execute("SELECT 1")
            return
        async with self.transaction(read_only=True) as connection:
            await connection.execute("SELECT 1")

    async def _commit(self, connection: Connection) -> None:
        try:
            [committed] = await connection.flush(COMMIT)
        except UNAVAILABLE_ERRORS as error:
            if is_server_refusal(error):
                raise
            raise CommitUnknown(error_text(error)) from error
        if committed.command != "COMMIT":
            raise NothingCommitted("a statement failed in this transaction and its error was ignored: nothing was committed")

    async def _roll_back(self, connection: Connection) -> None:
        """Roll back; a connection that cannot is closed, so that the pool discards it."""
        connection.queued.clear()
        connection.aside.clear()
        try:
            await connection.execute("ROLLBACK")
        except psycopg.Error:
            await connection.close()


@contextmanager
def _named_failures() -> Iterator[None]:
    """Raises Locked, DatabaseUnavailable and NotExpected for psycopg's errors of these kinds. All others pass through."""
    try:
        yield
    except CLASHES:
        raise
    except psycopg.errors.LockNotAvailable as error:
        raise Locked(error_text(error)) from error
    except UNAVAILABLE_ERRORS as error:
        if is_limit_exceeded(error):
            raise
        raise DatabaseUnavailable(error_text(error)) from error
    except (psycopg.DatabaseError, AsideFailed) as error:
        cause = error.__cause__ if isinstance(error, AsideFailed) else error
        if isinstance(cause, psycopg.Error) and cause.sqlstate in NOT_EXPECTED:
            raise NOT_EXPECTED[cause.sqlstate](error_text(cause).partition("\n")[0]) from error
        raise


def _set_lock_timeout(timeout: LiteralString) -> LiteralString:
    return f"SET LOCAL lock_timeout = '{timeout}'"
