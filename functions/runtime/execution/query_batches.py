"""Queries of one function that wait at the same time are answered by one call of its handler, and one statement for all of them.

A function takes part by declaration: its handler takes a Sequence of inputs (docs/decisions/0066). One call runs at a time; meanwhile queries
queue, and the next call takes up to `Scale.batch` of them. It waits for none. A call that takes longer than SLOW_SECONDS (a lock, a server that
does not answer) holds up nobody: another call starts beside it.

Each query has the result that it has alone. On a Rejection, an ended session, or any other exception, each query of the call is read
alone and meets it there, or not.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from functions.kernel import Declaration
from functions.runtime.execution.context import FunctionContext
from functions.runtime.execution.transactions import Execution
from functions.runtime.reliability import revoked_sessions

SLOW_SECONDS = 0.05

_log = logging.getLogger("capsule.batches")


class ReadingFunction(Protocol):
    """A query of several inputs."""

    declaration: Declaration
    name: str

    def read(self, execution: Execution) -> Awaitable[Any]: ...

    def call_together(self, executions: Sequence[Execution]) -> Awaitable[Sequence[Any]]: ...


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    execution: Execution
    output: "asyncio.Future[tuple[Any] | None]"
    """None: to be read alone."""


class QueryBatches:
    """Of one function in one process."""

    def __init__(self, context: FunctionContext, function: ReadingFunction) -> None:
        self._context = context
        self._function = function
        self._queue: deque[_Entry] = deque()
        self._running: asyncio.Task[None] | None = None
        """The task that reads what is in the queue."""
        self._slow: set[asyncio.Task[None]] = set()
        """Tasks that end with the call that they wait for."""

    async def read(self, execution: Execution) -> Any:
        """Return the output of a query, read together with those that wait too. Raises what it raises alone."""
        entry = _Entry(execution, asyncio.get_running_loop().create_future())
        self._queue.append(entry)
        if self._running is None:
            self._start()
        output = await entry.output
        return output[0] if output is not None else await self._function.read(execution)

    def _start(self) -> None:
        self._running = asyncio.create_task(self._run())

    async def _run(self) -> None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        try:
            while self._running is task and (batch := self._next()):
                timer = loop.call_later(SLOW_SECONDS, self._continue_beside, task)
                try:
                    await self._read(batch)
                finally:
                    timer.cancel()
        finally:
            if self._running is task:
                self._running = None
            self._slow.discard(task)

    def _continue_beside(self, slow: "asyncio.Task[None]") -> None:
        self._slow.add(slow)
        self._running = None
        if self._queue:
            self._start()

    def _next(self) -> list[_Entry]:
        batch: list[_Entry] = []
        while self._queue and len(batch) < self._function.declaration.scale.batch:
            entry = self._queue.popleft()
            if not entry.output.done():  # its consumer still waits
                batch.append(entry)
        return batch

    async def _read(self, batch: Sequence[_Entry]) -> None:
        """Read for a batch, and hand over the outputs. Raises nothing."""
        try:
            outputs: Sequence[tuple[Any] | None] = [(each,) for each in await self._read_together([each.execution for each in batch])]
        except Exception as error:  # noqa: BLE001  each query meets it again alone, where it is settled
            if len(batch) == 1:
                if not batch[0].output.done():
                    batch[0].output.set_exception(error)
                return
            _log.info("%d queries of %s are read one by one: %s: %.200s", len(batch), self._function.name, type(error).__name__, error)
            outputs = [None] * len(batch)
        for entry, output in zip(batch, outputs, strict=True):
            if not entry.output.done():
                entry.output.set_result(output)

    async def _read_together(self, executions: Sequence[Execution]) -> Sequence[Any]:
        if len(executions) == 1:
            return [await self._function.read(executions[0])]
        async with (
            self._context.database.replica_transaction(is_one_statement=True) as connection,
            revoked_sessions.refusing_ended(connection, *(each.caller for each in executions)),
        ):
            return await self._function.call_together(executions)
