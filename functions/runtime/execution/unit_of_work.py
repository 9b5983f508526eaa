"""The transactions of an effect: as many short reading ones as it likes, and one that records what came of the call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from functions.kernel import Origin, OutgoingMessage
from functions.runtime.execution.context import FunctionContext
from functions.runtime.reliability import inbox
from functions.runtime.reliability.outbox import OutboxRow, write
from functions.runtime.storage.database import Database
from functions.wire.cloudevents import Message


class AlreadyRecorded(Exception):
    """Another worker has recorded this message: the effect is over, quietly."""


class Events:
    """What an effect states while it records."""

    def __init__(self) -> None:
        self.said: list[OutgoingMessage] = []

    def emit(self, *events: OutgoingMessage) -> None:
        self.said.extend(events)


class UnitOfWork:
    """The runtime's `kernel.Work`, for one message of one function."""

    def __init__(self, surroundings: FunctionContext, database: Database, message: Message, function: str) -> None:
        self._surroundings = surroundings
        self._database = database
        self.message = message
        self._function = function
        self.owed: list[OutboxRow] = []

    def resumes(self, origin: Origin) -> None:
        self.message = self.message.with_attributes(correlationid=origin.correlation_id, actor=origin.actor)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        async with self._database.transaction(read_only=True):
            yield

    @asynccontextmanager
    async def preparing(self) -> AsyncIterator[None]:
        async with self._database.transaction():
            yield

    @asynccontextmanager
    async def recording(self) -> AsyncIterator[Events]:
        """Raises AlreadyRecorded, which ends the effect; a second recording by the same effect counts as that."""
        events = Events()
        async with self._database.transaction(at_once=False) as connection:
            stored, _ = await inbox.claim(connection, self.message, self._function)
            if stored is not None:
                raise AlreadyRecorded(self.message.id)
            yield events
            owing = write(
                connection,
                events.said,
                self.message,
                self.message.get("actor"),
                self._surroundings.context,
                self._surroundings.clock.now(),
                self._surroundings.receiver,
                self._surroundings.check_declared,
            )
        self.owed.extend(each.owed() for each in owing)
