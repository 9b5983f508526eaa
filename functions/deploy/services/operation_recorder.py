"""Record the progress of operations where the effects of their events act on the cluster."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from functions.deploy.domain.operation import OperationKind
from functions.deploy.ports import Operations
from functions.kernel import Clock, Permanent, Transient, Work


class OperationRecorder:
    """An event belongs to the operation of its object that was requested at the time of the event. Not every event has one: an
    application is deleted with its owner's account too."""

    def __init__(self, operations: Operations, clock: Clock) -> None:
        self._operations = operations
        self._clock = clock

    @asynccontextmanager
    async def attempt(
        self, kind: OperationKind, application_id: UUID, environment: str | None, requested_at: datetime, work: Work
    ) -> AsyncIterator[None]:
        """Record an exception of the body as the error of the attempt, and raise it again."""
        try:
            yield
        except (Transient, Permanent) as error:
            async with work.preparing():
                if operation := await self._operations.lock_requested(kind, application_id, environment, requested_at):
                    operation.record_failure(str(error), self._clock.now(), is_last=work.is_last_attempt or isinstance(error, Permanent))
                    await self._operations.save(operation)
            raise

    async def succeed(self, kind: OperationKind, application_id: UUID, environment: str | None, requested_at: datetime) -> None:
        """Call it in the transaction that records what was done."""
        if operation := await self._operations.lock_requested(kind, application_id, environment, requested_at):
            operation.succeed(self._clock.now())
            await self._operations.save(operation)
