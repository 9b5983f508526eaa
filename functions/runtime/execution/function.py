"""Executes one function for one message.

    deadline passed         not started
    caller, input           a rejection is the answer; nothing is written
    ┌ transaction ──────────────────────────────────────────┐
    │ claim the message      recorded: send its reply again  │  one round trip
    │ find the session       ended: a rejection              │
    │ savepoint { handler }  a rejection rolls back to it    │  the handler's own
    │ reply, events          stored with the state           │  one round trip
    └ commit ───────────────────────────────────────────────┘
    reply (best effort) → events (confirmed, or swept later)

Several messages may share a transaction (`batches`). `failures` decides what happens after an exception.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any, cast

from functions.kernel import Caller, Client, Clock, Declaration, Kind, Origin, Permit, Rejection, Work
from functions.runtime.execution import contracts, failures, recent_facts, responses, transactions
from functions.runtime.execution.batches import Batches
from functions.runtime.execution.context import FunctionContext
from functions.runtime.execution.input_decoder import InputDecoder
from functions.runtime.execution.query_batches import QueryBatches
from functions.runtime.execution.responses import Response
from functions.runtime.execution.results import ExecutionResult
from functions.runtime.execution.transactions import Committed, Execution
from functions.runtime.execution.unit_of_work import AlreadyRecorded, UnitOfWork
from functions.runtime.messaging import delays
from functions.runtime.reliability import audit, dead_letters, inbox
from functions.runtime.reliability.outbox import OutboxRow
from functions.runtime.security.replay_signing import SIGNATURE_ATTRIBUTE
from functions.runtime.storage.failures import CLASHES, ReplicaFailed
from functions.wire import reply_batches
from functions.wire.cloudevents import Message
from functions.wire.tracing import in_span

_log = logging.getLogger("capsule.function")

CLASH_ATTEMPTS = 4
FAILED_OUTCOMES = frozenset({"failed", "retried", "dead"})

FROM_MESSAGE = (Caller, Caller | None, Client, Origin, Permit, Sequence[Caller], Sequence[Permit], Work)
"""Types of dependencies that come from the message."""


class Function:
    """A declared function with its dependencies, ready for messages. Raises NothingProvides if a dependency is missing."""

    def __init__(self, declaration: Declaration, context: FunctionContext, batches: Batches) -> None:
        self.declaration = declaration
        self.name = declaration.name
        self._context = context
        self._batches = batches if declaration.scale.batch > 1 else None
        self._query_batches = QueryBatches(context, self) if declaration.kind is Kind.QUERY and declaration.is_batch_handler else None
        context.declared_events.update(declaration.emits)
        self._decoder = InputDecoder(declaration, context.opener) if declaration.input is not None else None
        self.encoder = responses.ResponseEncoder(declaration)
        self._waits = recent_facts.Waits()
        self._fixed: dict[str, Any] = {}
        self._from_message: dict[str, Any] = {}
        for parameter, dependency in declaration.dependencies.items():
            if dependency in FROM_MESSAGE:
                self._from_message[parameter] = dependency
            elif dependency is Clock:
                self._fixed[parameter] = context.handler_clock
            else:
                self._fixed[parameter] = context.container.get(dependency, f"{self.name}({parameter})")

    async def handle(self, message: Message) -> None:
        """Execute a message and return when it is settled, with whatever outcome. Raises failures.CannotSettle."""
        started_at, started = self._context.clock.now(), time.perf_counter()
        span = self._context.tracer.start_process(self.name, message)
        caller: Caller | None = None
        try:
            if (result := await self._precheck(message)) is None:
                caller = self._authorize(message)
                result = await self._execute(in_span(message, span), caller)
        except Rejection as rejection:
            result = await self._reject(message, rejection)
        except AlreadyRecorded:
            await self._context.outbox_publisher.flush_caused_by(message)
            result = ExecutionResult("duplicate")
        except Exception as error:  # noqa: BLE001  any failure of a handler must be settled
            sender = message.with_attributes(actor=str(caller.user_id)) if caller else message
            result = ExecutionResult(*await failures.settle(self, self._context, sender, error))
        # the type of the error alone: its text may hold personal data, such as a row that PostgreSQL quotes
        failure = (result.detail or result.outcome).partition(":")[0] if result.outcome in FAILED_OUTCOMES else ""
        span.end({"capsule.outcome": result.outcome}, failure)
        self._context.execution_log.write(
            self.declaration,
            result.message or message,
            started_at,
            (time.perf_counter() - started) * 1000,
            result.outcome,
            detail=result.detail,
            actor=str(caller.user_id) if caller else None,
            emitted=result.emitted,
        )

    async def _precheck(self, message: Message) -> ExecutionResult | None:
        """Settle messages that are not to be executed: undeliverable ones, early ones, expired ones. None for all others."""
        now = self._context.clock.now()
        if reason := message.get("deadletter"):
            async with self._context.database.transaction() as connection:
                detail = message.get("deadletterdetail") or reason
                await dead_letters.store(connection, message.with_attributes(deadletter=None), self.name, reason, detail)
            return ExecutionResult("dead", reason)
        if delays.is_early(message, now) and message.due is not None:
            await delays.delay(self._context.bus, self.name, message, message.due, now)
            return ExecutionResult("retried", f"not before {message.get('due')}")
        if message.deadline is not None and message.deadline < now:
            return ExecutionResult("expired", "its deadline has passed")
        return None

    def _authorize(self, message: Message) -> Caller | None:
        """Return the verified caller. Raises Unauthenticated and Forbidden. Events come from Capsule itself and carry no token."""
        if not self.declaration.needs_caller:
            return None
        if message.get(SIGNATURE_ATTRIBUTE):
            caller = self._context.replay_signer.caller(message)
        else:
            token = message.get("token")
            caller = self._context.tokens.verify(token, self._context.clock.now()) if token else None
        self.declaration.authorize(caller, self._context.clock.now())
        return caller

    def _arguments(self, message: Message, caller: Caller | None, work: Work | None) -> dict[str, Any]:
        arguments = dict(self._fixed)
        for parameter, dependency in self._from_message.items():
            if dependency is Client:
                arguments[parameter] = Client(message.get("remote") or "", message.get("useragent") or "")
            elif dependency is Origin:
                arguments[parameter] = Origin(message.correlation, str(caller.user_id) if caller else message.get("actor"))
            elif dependency is Permit:
                arguments[parameter] = self._permit(caller)
            elif dependency is Work:
                arguments[parameter] = work
            else:
                arguments[parameter] = caller
        return arguments

    def _permit(self, caller: Caller | None) -> Permit:
        assert caller is not None and self.declaration.permission is not None, "checked by check_access and authorize"
        return Permit(caller, self.declaration.permission)

    async def _execute(self, message: Message, caller: Caller | None) -> ExecutionResult:
        inputs = () if self._decoder is None else (self._decoder.decode(message),)
        return await self._waits.repeat(lambda: self._attempt(message, caller, inputs))

    async def _attempt(self, message: Message, caller: Caller | None, inputs: tuple[Any, ...]) -> ExecutionResult:
        kind = self.declaration.kind
        if kind is Kind.QUERY:
            return await self._query(Execution.of(self, message, caller, inputs))
        if kind in (Kind.EFFECT, Kind.SCHEDULE):
            return await self._run_effect(message, inputs)
        return await self._transact(Execution.of(self, message, caller, inputs))

    async def _query(self, execution: Execution) -> ExecutionResult:
        message = execution.message
        try:
            output = await (self.read(execution) if self._query_batches is None else self._query_batches.read(execution))
        except Rejection as rejection:
            contracts.check_rejection(self.declaration, rejection, self._context.is_strict)
            recent_facts.raise_if_recent(rejection, self._context.clock.now())
            raise
        await self.reply(message, self.encoder.done(output))
        return ExecutionResult("done")

    async def read(self, execution: Execution) -> Any:
        """Run a query for one message. One with `Work` calls an external system: it opens its transactions itself, on the primary."""
        work = UnitOfWork(self._context, self.declaration, execution.message, execution.caller)
        if Work in self._from_message.values():
            return await self.declaration.handler(*execution.inputs, **self._arguments(execution.message, execution.caller, work))
        if self._context.database.has_replicas:
            try:
                async with work.reading_replica():
                    return await self.call(execution)
            except ReplicaFailed as error:
                _log.info("%s is read from the primary: %s", self.name, error)
        async with work.reading_one_statement() if self.declaration.is_batch_handler else work.reading():
            return await self.call(execution)

    async def _run_effect(self, message: Message, inputs: tuple[Any, ...]) -> ExecutionResult:
        work = UnitOfWork(self._context, self.declaration, message)
        if self.declaration.kind is Kind.EFFECT:
            async with self._context.database.transaction(read_only=True) as connection:
                is_recorded = await inbox.find(connection, message, self.name) is not None
            if is_recorded:
                raise AlreadyRecorded(message.id)
        await self.declaration.handler(*inputs, **self._arguments(message, None, work))
        await self._context.outbox_publisher.flush(work.rows)
        return ExecutionResult("done", emitted=_event_names(work.rows), message=work.message)

    async def _transact(self, execution: Execution) -> ExecutionResult:
        """Execute the message together with others, if its declaration allows it, or alone; then reply and publish."""
        context, message = self._context, execution.message
        committed = await self._batches.execute(execution) if self._batches is not None else None
        if committed is None:
            committed = await self._execute_alone(execution)
        if committed.response is not None:
            await self.reply(message, committed.response)
        await context.outbox_publisher.flush(committed.rows)
        if committed.is_recorded:
            await context.outbox_publisher.flush_caused_by(message)
        return ExecutionResult(committed.outcome, committed.detail, _event_names(committed.rows))

    async def _execute_alone(self, execution: Execution) -> Committed:
        for attempts_left in reversed(range(CLASH_ATTEMPTS)):
            try:
                return await transactions.execute_alone(self._context, execution)
            except CLASHES:
                if not attempts_left:
                    raise
        raise AssertionError("unreachable")

    async def call(self, execution: Execution) -> Any:
        if self.declaration.is_batch_handler:
            return (await self.call_together([execution]))[0]
        return await self.declaration.handler(*execution.inputs, **self._arguments(execution.message, execution.caller, None))

    async def call_together(self, executions: Sequence[Execution]) -> Sequence[Any]:
        """Call a batch handler once. Returns a result for each execution."""
        of_each = {
            parameter: [self._permit(each.caller) if dependency == Sequence[Permit] else each.caller for each in executions]
            for parameter, dependency in self._from_message.items()
        }
        results = await self.declaration.handler([each.inputs[0] for each in executions], **self._fixed, **of_each)
        if len(results) != len(executions):
            raise TypeError(f"{self.name} returned {len(results)} results for {len(executions)} messages")
        return cast(Sequence[Any], results)

    async def _reject(self, message: Message, rejection: Rejection) -> ExecutionResult:
        """Settle a message whose caller or input was rejected before the transaction."""
        if self.declaration.kind in (Kind.COMMAND, Kind.QUERY):
            response = responses.rejected(rejection)
            await self.reply(message, response)
            return ExecutionResult("rejected", response.log_detail)
        return ExecutionResult(*await failures.settle(self, self._context, message, failures.Refused(rejection)))

    async def reply(self, message: Message, response: Response) -> bool:
        """Send a response to the caller, best effort. False if no caller waits or RabbitMQ is unavailable; the caller repeats with the same key."""
        to = message.get("replyto")
        if to is None:
            return False
        headers = {"correlationid": message.correlation, "outcome": response.outcome, "status": str(response.status)}
        return await self._context.bus.reply(to, headers, response.body, reads_batches=message.get(reply_batches.ATTRIBUTE) is not None)


def _event_names(rows: Sequence[OutboxRow]) -> tuple[str, ...]:
    return tuple(f"{row.headers['type']}:{row.id}" for row in rows if not audit.is_record(row))
