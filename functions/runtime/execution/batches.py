"""Group commit: messages that wait for the database at the same time share a transaction.

A function takes part by declaration (`Scale.batch`) if it uses nothing but the database. While a transaction of a context runs in a
process, messages queue, and the next transaction takes up to as many as the function declares. It waits for none. A second one runs beside
it only if a batch is full, so that the processor has work while PostgreSQL has it, or if the first has one message only, so that few messages
do not wait for each other's commits. Two never have the same message or subject.

    BEGIN, claims of all messages, newest applied events             one round trip
    for each message: handler, of a command in a savepoint           the handler's own
    of a batch handler (a Sequence of messages): once for all        the handler's own
    outgoing messages and their numbers, replies, COMMIT             one round trip

The result is that of the same messages handled one after the other. Whatever could make a difference ends the batch: on a lock that
another transaction holds for LOCK_TIMEOUT, on a deadlock, on any exception but a command's Rejection, and on a failed or unknown commit
everything is rolled back, and each message is handled alone (`transactions.execute_alone`), which decides. A message that was recorded
before, or whose session has ended, is not claimed and goes alone too. docs/decisions/0037 has the reasons.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import cast

from functions.kernel import Kind, Rejection
from functions.runtime.execution.context import FunctionContext
from functions.runtime.execution.transactions import (
    SAVEPOINT,
    SKIPPED,
    Committed,
    Execution,
    Handled,
    enqueue,
    execute_alone,
    run_batch_handler,
    run_handler,
)
from functions.runtime.reliability import inbox, ordering
from functions.runtime.storage.database import Connection

LOCK_TIMEOUT = "50ms"
"""Longer waits are left to transactions of single messages, which block no others."""

MAX_RUNNING = 2
"""Transactions of a context in a process."""

_log = logging.getLogger("capsule.batches")


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    execution: Execution
    committed: "asyncio.Future[Committed | None]"


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Messages of one transaction. `keys`: these messages, and the subjects of events."""

    entries: Sequence[_Entry]
    keys: frozenset[tuple[str, ...]]


class Batches:
    """Of one context in one process."""

    def __init__(self, context: FunctionContext) -> None:
        self._context = context
        self._queue: deque[_Entry] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: list[_Batch] = []

    async def execute(self, execution: Execution) -> Committed | None:
        """Execute a message together with those that wait too. None: handle it alone."""
        if execution.message.attempt > 1:
            return None  # it failed before
        entry = _Entry(execution, asyncio.get_running_loop().create_future())
        self._queue.append(entry)
        if self._may_start():
            self._tasks.add(asyncio.create_task(self._run()))
        return await entry.committed

    def _may_start(self) -> bool:
        """Whether another transaction may take messages from the queue."""
        if not self._tasks:
            return True
        if len(self._tasks) > len(self._running):
            return False  # a task that was just created will take them
        return len(self._tasks) < MAX_RUNNING and self._may_run_beside(self._running)

    def _may_run_beside(self, others: Sequence[_Batch]) -> bool:
        """Whether the queue has a full batch, or the other transactions have a message each."""
        is_full = len(self._queue) >= self._queue[0].execution.function.declaration.scale.batch
        return is_full or all(len(other.entries) == 1 for other in others)

    async def _run(self) -> None:
        try:
            while self._queue and self._may_run_beside(self._running) and (batch := self._next()) is not None:
                self._running.append(batch)
                try:
                    results = await self._commit(batch.entries)
                finally:
                    self._running.remove(batch)
                for entry, committed in zip(batch.entries, results, strict=True):
                    if not entry.committed.done():
                        entry.committed.set_result(committed)
        finally:
            self._tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    def _next(self) -> _Batch | None:
        """Take the messages of the next transaction from the queue, in their order. It ends before a message or a subject of events that it has,
        or a transaction that is running. None if that leaves none."""
        entries: list[_Entry] = []
        keys: set[tuple[str, ...]] = set()
        running = frozenset[tuple[str, ...]]().union(*(each.keys for each in self._running))
        while self._queue:
            execution = self._queue[0].execution
            declaration, message = execution.function.declaration, execution.message
            own = {inbox.key_of(message, declaration.name), ordering.subject_of(declaration, message) or ()} - {()}
            if len(entries) >= declaration.scale.batch or not keys.isdisjoint(own) or not running.isdisjoint(own):
                break
            entry = self._queue.popleft()
            if not entry.committed.done():  # its consumer has not given up
                entries.append(entry)
                keys |= own
        return _Batch(entries, frozenset(keys)) if entries else None

    async def _commit(self, batch: Sequence[_Entry]) -> Sequence[Committed | None]:
        executions = [each.execution for each in batch]
        try:
            if len(executions) == 1:  # costs PostgreSQL less than the statements for many
                return [await execute_alone(self._context, executions[0], LOCK_TIMEOUT)]
            async with self._context.database.transaction(is_begin_queued=True, lock_timeout=LOCK_TIMEOUT) as connection:
                results = await self._execute(connection, executions)
            return [Committed.of(each) if isinstance(each, Handled) else each for each in results]
        except Exception as error:  # noqa: BLE001  each message meets it again alone, where it is settled
            _log.info("%d messages are handled one by one: %s: %.200s", len(batch), type(error).__name__, error)
            return [None] * len(batch)

    async def _execute(self, connection: Connection, executions: Sequence[Execution]) -> list[Committed | Handled | None]:
        claimed, newest = await _claim(connection, executions)
        skipped: dict[Execution, Committed | Handled | None] = {}
        for execution in executions:
            declaration, message = execution.function.declaration, execution.message
            subject = ordering.subject_of(declaration, message)
            if inbox.key_of(message, declaration.name) not in claimed:
                skipped[execution] = None
            elif subject is not None and subject not in newest:
                skipped[execution] = SKIPPED
        results = await self._run_handlers(connection, [each for each in executions if each not in skipped])
        results_in_order = [skipped[each] if each in skipped else results[each] for each in executions]
        handled = [(execution, each) for execution, each in zip(executions, results_in_order, strict=True) if isinstance(each, Handled)]
        enqueue(self._context, connection, handled)
        inbox.queue_replies(connection, [each.reply for _, each in handled if each.reply is not None])
        return results_in_order

    async def _run_handlers(self, connection: Connection, executions: Sequence[Execution]) -> dict[Execution, Handled]:
        """Run the handlers in the order of the messages; a batch handler once for those that follow each other."""
        results: dict[Execution, Handled] = {}
        for function, following in groupby(executions, attrgetter("function")):
            run = list(following)
            if function.declaration.is_batch_handler and (handled := await self._run_batch_handler(connection, run)):
                results |= zip(run, handled, strict=True)
                connection.set_aside()
                continue
            for execution in run:
                if function.declaration.kind is Kind.COMMAND:
                    connection.queue(*SAVEPOINT)
                results[execution] = await run_handler(self._context, connection, execution)
                connection.set_aside()  # what this handler has queued is no error of the next one
        return results

    async def _run_batch_handler(self, connection: Connection, executions: Sequence[Execution]) -> Sequence[Handled]:
        """Call a batch handler once. Returns nothing, and undoes what it wrote, for commands of which it rejects one."""
        is_command = executions[0].function.declaration.kind is Kind.COMMAND
        if is_command:
            connection.queue(*SAVEPOINT)
        try:
            return await run_batch_handler(self._context, connection, executions)
        except Rejection:
            if not is_command:
                raise
            await connection.execute("ROLLBACK TO SAVEPOINT handler", prepare=False)
            return ()


async def _claim(connection: Connection, executions: Sequence[Execution]) -> tuple[set[tuple[str, ...]], set[tuple[str, ...]]]:
    """Return the keys of the messages that are claimed, and the subjects whose event is newer than the last applied one."""
    claims, events = [], []
    for each in executions:
        declaration, message = each.function.declaration, each.message
        claims.append((message, declaration.name, each.caller.session_id if each.caller is not None else None))
        if (subject := ordering.subject_of(declaration, message)) is not None:
            events.append((*subject, message.number("sequence")))
    claimed, *advanced = await connection.flush(inbox.claim_all(claims), *([ordering.advance_all(events)] if events else []))
    return {tuple(row) for row in claimed.rows}, {tuple(row) for result in advanced for row in result.rows}
