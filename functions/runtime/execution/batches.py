"""Group commit: messages that wait for the database at the same time share a transaction.

A function takes part by declaration (`Scale.batch`) if it uses nothing but the database. One transaction of a context runs at a time
in a process; meanwhile messages queue, and the next transaction takes up to as many as the function declares. It waits for none, but after
a transaction of several a moment passes in which more arrive: what a transaction costs whatever it holds is shared by more of them then
(docs/decisions/0082).

    BEGIN, claims of all messages, newest applied events             with the handler's first statement
    for each message: handler, of a command in a savepoint           the handler's own
    of a batch handler (a Sequence of messages): once for all        the handler's own
    outgoing messages and their numbers, replies, COMMIT             one round trip

The result is that of the same messages handled one after the other. Whatever could make a difference ends the batch: on a lock that
another transaction holds for LOCK_TIMEOUT, on a deadlock, on any exception but a command's Rejection, and on a failed or unknown commit
everything is rolled back, and each message is handled alone (`transactions.execute_alone`), which decides. A message that was recorded
before, or whose session has ended, is not claimed and goes alone too. docs/decisions/0037 has the reasons.

The handlers run before their claims are known, and before it is known whether there are rows that hardly ever exist (`Session.queue_rare`): the
claims and these statements fail on the server if it is not as expected. So a handler that reads nothing else is one round trip, with the COMMIT.
If something is not as expected, everything is rolled back and done again, with the claims in a round trip of their own. So is what this process
has attempted before (docs/decisions/0064, 0077).
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from functions.kernel import Declaration, Kind, Rejection
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
from functions.runtime.reliability import inbox, ordering
from functions.runtime.storage.database import Connection
from functions.runtime.storage.failures import NotExpected, RareRowsExist
from functions.runtime.storage.session import Statement

LOCK_TIMEOUT = "50ms"
"""Longer waits are left to transactions of single messages, which block no others."""

MAX_ATTEMPTED = 10_000
"""Messages of which a process remembers that it has attempted them."""

PAUSE_AFTER = 8
"""Messages of a transaction after which more are let arrive. Fewer follow each other too slowly to be worth it."""

COMMAND_PAUSE_SECONDS, EVENT_PAUSE_SECONDS = 0.003, 0.02
"""How long they are, at most. A command's client waits for it."""

READ_RARE_ROWS_SECONDS = 60.0
"""How long a function that has met rare rows reads them: for some of its messages they may exist every time."""

_log = logging.getLogger("capsule.batches")


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    execution: Execution
    committed: "asyncio.Future[Committed | None]"


class _Pause:
    """A moment in which messages of a function arrive. It ends when there are enough for a transaction, or when one of another function waits."""

    def __init__(self, declaration: Declaration) -> None:
        self._declaration, self._enough = declaration, min(declaration.scale.batch, declaration.scale.concurrency)
        self.seconds = COMMAND_PAUSE_SECONDS if declaration.kind is Kind.COMMAND else EVENT_PAUSE_SECONDS
        self.ended = asyncio.get_running_loop().create_future()

    def look_at(self, newest: _Entry, waiting: int) -> None:
        if waiting >= self._enough or newest.execution.function.declaration is not self._declaration:
            self.end()

    def end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


class Batches:
    """Of one context in one process."""

    def __init__(self, context: FunctionContext) -> None:
        self._context = context
        self._queue: deque[_Entry] = deque()
        self._running: asyncio.Task[None] | None = None
        self._pause: _Pause | None = None
        self._attempted: OrderedDict[int, None] = OrderedDict()
        """Hashes of the keys of messages, the oldest first."""
        self._reads_rare_rows_until: dict[str, float] = {}
        """By name of the function, on the loop's clock."""

    async def execute(self, execution: Execution) -> Committed | None:
        """Execute a message together with those that wait too. None: handle it alone."""
        if execution.message.attempt > 1:
            return None  # it failed before
        entry = _Entry(execution, asyncio.get_running_loop().create_future())
        self._queue.append(entry)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        elif self._pause is not None:
            self._pause.look_at(entry, len(self._queue))
        return await entry.committed

    async def _run(self) -> None:
        try:
            while batch := self._next():
                results = await self._commit(batch)
                for entry, committed in zip(batch, results, strict=True):
                    if not entry.committed.done():
                        entry.committed.set_result(committed)
                if len(batch) >= PAUSE_AFTER:
                    await self._let_arrive(batch[-1].execution.function.declaration)
        finally:
            self._running = None

    async def _let_arrive(self, declaration: Declaration) -> None:
        self._pause = pause = _Pause(declaration)
        for waiting, entry in enumerate(self._queue, 1):
            pause.look_at(entry, waiting)
        timer = asyncio.get_running_loop().call_later(pause.seconds, pause.end)
        try:
            await pause.ended
        finally:
            timer.cancel()
            self._pause = None

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
                except NotExpected as error:
                    _log.info("%d messages are claimed first: %s", len(batch), error)
                    if isinstance(error, RareRowsExist):
                        until = asyncio.get_running_loop().time() + READ_RARE_ROWS_SECONDS
                        self._reads_rare_rows_until.update((each.function.name, until) for each in executions)
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

    def _expects_no_rare_rows(self, executions: Sequence[Execution]) -> bool:
        now = asyncio.get_running_loop().time()
        return all(self._reads_rare_rows_until.get(each.function.name, now) <= now for each in executions)

    async def _transact(self, executions: Sequence[Execution], *, is_claim_awaited: bool) -> Sequence[Committed | None]:
        expects_no_rare_rows = not is_claim_awaited and self._expects_no_rare_rows(executions)
        async with self._context.database.transaction(
            is_begin_queued=True, lock_timeout=LOCK_TIMEOUT, expects_no_rare_rows=expects_no_rare_rows
        ) as connection:
            results = await self._execute(connection, executions, is_claim_awaited)
        return [Committed.of(each) if isinstance(each, Handled) else each for each in results]

    async def _execute(self, connection: Connection, executions: Sequence[Execution], is_claim_awaited: bool) -> list[Committed | Handled | None]:
        skipped = await _claim(connection, executions, is_claim_awaited)
        results = await self._run_handlers(connection, [each for each in executions if each not in skipped])
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


REQUIRE_ONE = "SELECT require_claim(%s, %s, %s, %s, %s, %s, %s)"
REQUIRE_ALL = "SELECT require_claims(%s, %s)"
"""Functions of sql/shared/V0_6, which fail with NotExpected."""


def require_claims(executions: Sequence[Execution]) -> Statement:
    """Return the statement that claims messages, all or none: none may be recorded, no session ended, and no newer event applied."""
    if len(executions) == 1:  # costs PostgreSQL less than JSON
        [each] = executions
        message, name, subject = each.message, each.function.name, each.subject
        ordered = (None, None) if subject is None else (subject[1], message.number("sequence"))
        return Statement(REQUIRE_ONE, (message.source, message.id, name, message.fingerprint, _session_id(each), *ordered))
    claims, events = _claims(executions)
    return Statement(REQUIRE_ALL, (*claims.parameters, *events.parameters))


async def _claim(connection: Connection, executions: Sequence[Execution], is_claim_awaited: bool) -> dict[Execution, Committed | None]:
    """Claim messages: now, or with the next statement. Returns those that must not be handled, and how each ends. None: it goes alone."""
    if not is_claim_awaited:
        connection.queue(*require_claims(executions))
        return {}
    claimed, newest = [set(result.rows) for result in await connection.flush(*_claims(executions))]
    found: dict[Execution, Committed | None] = {}
    for execution in executions:
        if execution.key not in claimed:
            found[execution] = None
        elif execution.subject is not None and execution.subject not in newest:
            found[execution] = SKIPPED
    return found


def _claims(executions: Sequence[Execution]) -> tuple[Statement, Statement]:
    """Return the statement that claims messages, and the one that finds the newest events. Their rows are keys and subjects."""
    claims = inbox.claim_all((each.message, each.function.name, _session_id(each)) for each in executions)
    events = ordering.advance_all((*each.subject, each.message.number("sequence")) for each in executions if each.subject is not None)
    return claims, events


def _session_id(execution: Execution) -> UUID | None:
    return execution.caller.session_id if execution.caller is not None else None
