"""The transactions of an effect: any number of short ones, and one that claims the message and records the result."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from functions.kernel import Caller, Declaration, Origin, OutgoingMessage, Permanent, Rejection
from functions.runtime.execution.context import FunctionContext
from functions.runtime.execution.contracts import check_events
from functions.runtime.reliability import inbox, outbox, revoked_sessions
from functions.runtime.reliability.outbox import OutboxRow
from functions.runtime.storage.failures import DatabaseUnavailable
from functions.wire.cloudevents import Message


class AlreadyRecorded(Exception):
    """Another worker has recorded this message: the effect ends without an error."""


class RecordedEvents:
    """A `kernel.Record`: collects the events of a recording transaction."""

    def __init__(self) -> None:
        self.events: list[OutgoingMessage] = []

    def emit(self, *events: OutgoingMessage) -> None:
        self.events.extend(events)


class UnitOfWork:
    """A `kernel.Work`, for one message of one function. `caller`: of a query. `rows`: outbox rows of committed events."""

    def __init__(self, context: FunctionContext, declaration: Declaration, message: Message, caller: Caller | None = None) -> None:
        self._context = context
        self._declaration = declaration
        self._caller = caller
        self.message = message
        self.rows: list[OutboxRow] = []

    @property
    def is_last_attempt(self) -> bool:
        return self.message.attempt >= self._declaration.retry.attempts

    def is_final(self, error: Exception) -> bool:
        """As `failures.settle` decides for an effect."""
        return not isinstance(error, DatabaseUnavailable) and (isinstance(error, Permanent | Rejection) or self.is_last_attempt)

    def resumes(self, origin: Origin) -> None:
        self.message = self.message.with_attributes(correlationid=origin.correlation_id, actor=origin.actor)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        async with (
            self._context.database.snapshot() as connection,
            revoked_sessions.refusing_ended(connection, self._caller),
        ):
            yield

    @asynccontextmanager
    async def reading_one_statement(self) -> AsyncIterator[None]:
        """As `reading`, without the round trip that ends a transaction."""
        async with (
            self._context.database.transaction(read_only=True) as connection,
            revoked_sessions.refusing_ended(connection, self._caller),
        ):
            yield

    @asynccontextmanager
    async def reading_replica(self) -> AsyncIterator[None]:
        """As `reading`, on a replica where there is one. Raises ReplicaFailed if the primary can do what the replica could not."""
        async with (
            self._context.database.replica_transaction() as connection,
            revoked_sessions.refusing_ended(connection, self._caller),
        ):
            yield

    @asynccontextmanager
    async def preparing(self) -> AsyncIterator[None]:
        async with self._context.database.transaction():
            yield

    @asynccontextmanager
    async def recording(self) -> AsyncIterator[RecordedEvents]:
        """Raises AlreadyRecorded, also for a second recording of the same effect."""
        context, recorded = self._context, RecordedEvents()
        async with context.database.transaction(is_begin_queued=True) as connection:
            row, _ = await inbox.claim(connection, self.message, self._declaration.name)
            if row is not None:
                raise AlreadyRecorded(self.message.id)
            yield recorded
            check_events(self._declaration, recorded.events, context.is_strict)
            actor, now = self.message.get("actor"), context.clock.now()
            pending = outbox.pending_events(recorded.events, self.message, actor, context.event_routing, now)
            outbox.enqueue(connection, pending)
        self.rows.extend(each.committed_row() for each in pending)
