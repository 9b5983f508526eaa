"""Record the progress of operations where the effects of their events act on the cluster."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from functions.deploy.domain.operation import OperationKind
from functions.deploy.ports import Operations
from functions.kernel import Clock, Permanent, Rejection, Transient, Work


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
        """Record an exception of the body as the error of the attempt, and raise it again.

        The body is all that the effect does, also its recording: whatever ends the last attempt ends the operation. A body that
        ends without `succeed` found nothing left to do, as for a service that was deleted meanwhile: the operation has failed.
        """
        try:
            yield
        except Exception as error:
            is_explained = isinstance(error, (Transient, Permanent, Rejection))
            text = str(error) if is_explained else f"internal error: {type(error).__name__}"
            async with work.preparing():
                operation = await self._operations.lock_requested(kind, application_id, environment, requested_at)
                if operation and operation.is_running:  # not if another worker has recorded the message meanwhile
                    operation.record_failure(text, self._clock.now(), is_last=work.is_final(error))
                    await self._operations.save(operation)
            raise
        async with work.preparing():
            operation = await self._operations.lock_requested(kind, application_id, environment, requested_at)
            if operation and operation.is_running:
                operation.give_up(self._clock.now())
                await self._operations.save(operation)

    async def succeed(self, kind: OperationKind, application_id: UUID, environment: str | None, requested_at: datetime) -> None:
        """Call it in the transaction that records what was done."""
        if operation := await self._operations.lock_requested(kind, application_id, environment, requested_at):
            operation.succeed(self._clock.now())
            await self._operations.save(operation)
