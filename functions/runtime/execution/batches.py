"""Group commit: messages that wait for the database at the same time share a transaction.

A function takes part by declaration (`Scale.batch`) if it uses nothing but the database. One transaction of a context runs at a time
in a process; meanwhile messages queue, and the next transaction takes up to as many as the function declares. It waits for none.

    BEGIN, claims of all messages, newest applied events             with the handler's first statement
    for each message: handler, of a command in a savepoint           the handler's own
    of a batch handler (a Sequence of messages): once for all        the handler's own
    outgoing messages and their numbers, replies, COMMIT             one round trip

The result is that of the same messages handled one after the other. Whatever could make a difference ends the batch: on a lock that
another transaction holds for LOCK_TIMEOUT, on a deadlock, on any exception but a command's Rejection, and on a failed or unknown commit
everything is rolled back, and each message is handled alone (`transactions.execute_alone`), which decides. A message that was recorded
before, or whose session has ended, is not claimed and goes alone too. docs/decisions/0037 has the reasons.

The handlers run before their claims are known. If one was not made, everything is rolled back and done again, with the claims in a round trip
of their own. So is what this process has attempted before (docs/decisions/0064).
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from functions.kernel import Kind, Rejection
from functions.runtime.execution.context import FunctionContext
from functions.runtime.execution.transactions import (
    SAVEPOINT,
    SKIPPED,
    Committed,
    Execution,
    Handled,
    execute_alone,
    run_batch_handler,
    run_handler,
    store,
)
from functions.runtime.reliability import inbox, ordering, revoked_sessions
from functions.runtime.storage.database import Connection
from functions.runtime.storage.session import QueuedStatement, Result

LOCK_TIMEOUT = "50ms"
"""Longer waits are left to transactions of single messages, which block no others."""

MAX_ATTEMPTED = 10_000
"""Messages of which a process remembers that it has attempted them."""

_log = logging.getLogger("capsule.batches")


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    execution: Execution
    committed: "asyncio.Future[Committed | None]"


class Batches:
    """Of one context in one process."""

    def __init__(self, context: FunctionContext) -> None:
        self._context = context
        self._queue: deque[_Entry] = deque()
        self._running: asyncio.Task[None] | None = None
        self._attempted: OrderedDict[int, None] = OrderedDict()
        """Hashes of the keys of messages, the oldest first."""

    async def execute(self, execution: Execution) -> Committed | None:
        """Execute a message together with those that wait too. None: handle it alone."""
        if execution.message.attempt > 1:
            return None  # it failed before
        entry = _Entry(execution, asyncio.get_running_loop().create_future())
        self._queue.append(entry)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await entry.committed

    async def _run(self) -> None:
        try:
            while batch := self._next():
                results = await self._commit(batch)
                for entry, committed in zip(batch, results, strict=True):
                    if not entry.committed.done():
                        entry.committed.set_result(committed)
        finally:
            self._running = None

    def _next(self) -> list[_Entry]:
        """Take the messages of the next transaction from the queue, in their order. It ends before a message or a subject of events that it has."""
        batch: list[_Entry] = []
        keys: set[tuple[str, ...]] = set()
        while self._queue:
            execution = self._queue[0].execution
            if len(batch) >= execution.function.declaration.scale.batch or execution.key in keys or execution.subject in keys:
                break
            entry = self._queue.popleft()
            if not entry.committed.done():  # its consumer has not given up
                batch.append(entry)
                keys.add(execution.key)
                if execution.subject is not None:
                    keys.add(execution.subject)
        return batch

    async def _commit(self, batch: Sequence[_Entry]) -> Sequence[Committed | None]:
        executions = [each.execution for each in batch]
        try:
            if not self._has_attempted(executions):
                try:
                    return await self._transact(executions, is_claim_awaited=False)
                except NotClaimed as error:
                    _log.info("%d messages are claimed first: %s", len(batch), error)
            if len(executions) == 1:
                return [await execute_alone(self._context, executions[0], LOCK_TIMEOUT)]
            return await self._transact(executions, is_claim_awaited=True)
        except Exception as error:  # noqa: BLE001  each message meets it again alone, where it is settled
            _log.info("%d messages are handled one by one: %s: %.200s", len(batch), type(error).__name__, error)
            return [None] * len(batch)

    def _has_attempted(self, executions: Sequence[Execution]) -> bool:
        """Whether this process has attempted one of the messages before. From now on it has attempted them all."""
        keys = [hash(each.key) for each in executions]
        is_known = not self._attempted.keys().isdisjoint(keys)
        self._attempted.update(dict.fromkeys(keys))
        while len(self._attempted) > MAX_ATTEMPTED:
            self._attempted.popitem(last=False)
        return is_known

    async def _transact(self, executions: Sequence[Execution], *, is_claim_awaited: bool) -> Sequence[Committed | None]:
        async with self._context.database.transaction(is_begin_queued=True, lock_timeout=LOCK_TIMEOUT) as connection:
            results = await self._execute(connection, executions, is_claim_awaited)
        return [Committed.of(each) if isinstance(each, Handled) else each for each in results]

    async def _execute(self, connection: Connection, executions: Sequence[Execution], is_claim_awaited: bool) -> list[Committed | Handled | None]:
        claims = await _claim(connection, executions)
        skipped = await claims.not_to_handle(connection) if is_claim_awaited else {}
        results = await self._run_handlers(connection, [each for each in executions if each not in skipped])
        if not is_claim_awaited:
            await claims.check(connection)
        results_in_order = [skipped[each] if each in skipped else results[each] for each in executions]
        store(self._context, connection, [each for each in results_in_order if isinstance(each, Handled)])
        return results_in_order

    async def _run_handlers(self, connection: Connection, executions: Sequence[Execution]) -> dict[Execution, Handled]:
        """Run the handlers in the order of the messages; a batch handler once for those that follow each other."""
        results: dict[Execution, Handled] = {}
        for function, following in groupby(executions, attrgetter("function")):
            run = list(following)
            if len(run) > 1 and function.declaration.is_batch_handler and (handled := await self._run_batch_handler(connection, run)):
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


class NotClaimed(Exception):
    """A message was recorded before, its session has ended, or a newer event of its subject was applied. Or it is not known."""


@dataclass(frozen=True, slots=True)
class _Claims:
    """The claims of a batch: queued, or sent. `session`: of a single message; its claim does not look for it."""

    executions: Sequence[Execution]
    claimed: QueuedStatement
    advanced: QueuedStatement | None = None
    session: QueuedStatement | None = None

    async def check(self, connection: Connection) -> None:
        """Raises NotClaimed unless each message is claimed, in its order. Sends the claims, if no statement of a handler has."""
        if self.claimed.result is None:
            await connection.flush()
        number_of_events = sum(each.subject is not None for each in self.executions)
        for queued, expected in ((self.claimed, len(self.executions)), (self.advanced, number_of_events), (self.session, 0)):
            if queued is None:
                continue
            if queued.result is None:
                raise NotClaimed("the statement of a handler that travelled with the claims has failed")
            if queued.result.count != expected:
                raise NotClaimed(f"{queued.result.count} instead of {expected}")

    async def not_to_handle(self, connection: Connection) -> dict[Execution, Committed | None]:
        """Return the executions, of several, that must not be handled, and how each ends. None: it goes alone."""
        await connection.flush()
        claimed = set(_result(self.claimed).rows)
        newest = set(_result(self.advanced).rows) if self.advanced is not None else set()
        found: dict[Execution, Committed | None] = {}
        for execution in self.executions:
            if execution.key not in claimed:
                found[execution] = None
            elif execution.subject is not None and execution.subject not in newest:
                found[execution] = SKIPPED
        return found


def _result(queued: QueuedStatement) -> Result:
    assert queued.result is not None, "it is sent"
    return queued.result


async def _claim(connection: Connection, executions: Sequence[Execution]) -> _Claims:
    """Claim messages with the next statement."""
    if len(executions) == 1:  # costs PostgreSQL less than the statements for many
        [execution] = executions
        declaration, message = execution.function.declaration, execution.message
        advance, session = ordering.advance_if_newer(declaration, message), revoked_sessions.lookup(execution.caller)
        claimed = connection.queue(*inbox.claim_one(message, declaration.name))
        return _Claims(executions, claimed, connection.queue(*advance) if advance else None, connection.queue(*session) if session else None)
    claims, events = [], []
    for each in executions:
        claims.append((each.message, each.function.name, each.caller.session_id if each.caller is not None else None))
        if each.subject is not None:
            events.append((*each.subject, each.message.number("sequence")))
    claimed = connection.queue(*inbox.claim_all(claims))
    return _Claims(executions, claimed, connection.queue(*ordering.advance_all(events)) if events else None)
