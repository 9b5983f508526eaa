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

`failures` decides what happens after an exception.
"""

import time
from contextlib import nullcontext
from typing import Any

from functions.kernel import (
    Caller,
    Client,
    Clock,
    Declaration,
    Done,
    Kind,
    Origin,
    Permit,
    Rejected,
    Rejection,
    Work,
)
from functions.runtime.execution import contracts, failures, recent_facts, responses
from functions.runtime.execution.context import FunctionContext
from functions.runtime.execution.input_decoder import InputDecoder
from functions.runtime.execution.responses import Response
from functions.runtime.execution.results import AnswerNotKept, ExecutionResult, KeyReused
from functions.runtime.execution.unit_of_work import AlreadyRecorded, UnitOfWork
from functions.runtime.messaging import delays
from functions.runtime.messaging.exchanges import REPLIES
from functions.runtime.reliability import audit, dead_letters, inbox, ordering, outbox, revoked_sessions
from functions.runtime.reliability.ordering import Sequence
from functions.runtime.security.replay_signing import SIGNATURE_ATTRIBUTE
from functions.runtime.storage.database import Connection
from functions.runtime.storage.failures import CLASHES
from functions.runtime.storage.session import Statement
from functions.wire.cloudevents import Message
from functions.wire.tracing import in_span

CLASH_ATTEMPTS = 4
FAILED_OUTCOMES = frozenset({"failed", "retried", "dead"})

SAVEPOINT = Statement("SAVEPOINT handler")  # released by the commit
FROM_MESSAGE = (Caller, Caller | None, Client, Origin, Permit, Work)
"""Types of dependencies that come from the message."""


class Function:
    """A declared function with its dependencies, ready for messages. Raises NothingProvides if a dependency is missing."""

    def __init__(self, declaration: Declaration, context: FunctionContext) -> None:
        self.declaration = declaration
        self.name = declaration.name
        self._context = context
        context.declared_events.update(declaration.emits)
        self._decoder = InputDecoder(declaration, context.opener) if declaration.input is not None else None
        self._encoder = responses.ResponseEncoder(declaration)
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
        assert caller is not None and self.declaration.permission is not None, "checked by Declaration.check_access and authorize"
        return Permit(caller, self.declaration.permission)

    async def _execute(self, message: Message, caller: Caller | None) -> ExecutionResult:
        inputs = () if self._decoder is None else (self._decoder.decode(message),)
        return await self._waits.repeat(lambda: self._attempt(message, caller, inputs))

    async def _attempt(self, message: Message, caller: Caller | None, inputs: tuple[Any, ...]) -> ExecutionResult:
        kind = self.declaration.kind
        if kind is Kind.QUERY:
            return await self._query(message, caller, inputs)
        if kind in (Kind.EFFECT, Kind.SCHEDULE):
            return await self._run_effect(message, inputs)
        for attempts_left in reversed(range(CLASH_ATTEMPTS)):
            try:
                return await self._transact(message, caller, inputs)
            except CLASHES:
                if not attempts_left:
                    raise
        raise AssertionError("unreachable")

    async def _query(self, message: Message, caller: Caller | None, inputs: tuple[Any, ...]) -> ExecutionResult:
        """A query with `Work` calls an external system: it opens its transactions itself."""
        is_effectful = Work in self._from_message.values()
        work = UnitOfWork(self._context, self.declaration, message, caller)
        arguments = self._arguments(message, caller, work)
        try:
            async with nullcontext() if is_effectful else work.reading():
                output = await self.declaration.handler(*inputs, **arguments)
        except Rejection as rejection:
            contracts.check_rejection(self.declaration, rejection, self._context.is_strict)
            recent_facts.raise_if_recent(rejection, self._context.clock.now())
            raise
        await self.reply(message, self._encoder.done(output))
        return ExecutionResult("done")

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

    async def _transact(self, message: Message, caller: Caller | None, inputs: tuple[Any, ...]) -> ExecutionResult:
        context, declaration = self._context, self.declaration
        advance, session = ordering.advance_if_newer(declaration, message), revoked_sessions.lookup(caller)  # of events, of commands
        async with context.database.transaction(is_begin_queued=True) as connection:
            recorded, results = await inbox.claim(connection, message, self.name, *(each for each in (advance, session) if each), SAVEPOINT)
            if session is not None:
                revoked_sessions.refuse_ended(results[0], message, is_recorded=recorded is not None)
            pending: list[outbox.PendingMessage] = []
            if recorded is not None:
                response, outcome = self._stored_response(message, recorded), "duplicate"
            else:
                sequence = await ordering.advance_sequence(connection, declaration, message, results[0] if advance else None)
                if sequence is Sequence.STALE:
                    return ExecutionResult("skipped", "a newer event of its subject was applied before")
                if sequence is Sequence.GAP:
                    await ordering.park(connection, declaration, message)
                    await inbox.release_claim(connection, message, self.name)
                    return ExecutionResult("parked", "its predecessor is not applied yet")
                response, pending = await self._handle_and_store(connection, message, caller, inputs)
                outcome = response.outcome
        rows = [each.committed_row() for each in pending]
        await self.reply(message, response)
        await context.outbox_publisher.flush(rows)
        if recorded is not None:
            await context.outbox_publisher.flush_caused_by(message)
        return ExecutionResult(outcome, response.log_detail, _event_names(rows))

    async def _handle_and_store(
        self, connection: Connection, message: Message, caller: Caller | None, inputs: tuple[Any, ...]
    ) -> tuple[Response, list[outbox.PendingMessage]]:
        """Call the handler; queue its events, its record for the audit log and, for a command, the reply."""
        context, declaration = self._context, self.declaration
        response, result = await self._call_handler(connection, message, caller, inputs)
        events = result.events if result is not None else ()
        contracts.check_events(declaration, events, context.is_strict)
        actor = str(caller.user_id) if caller else message.get("actor")
        outgoing = (*events, *await ordering.release_successor(connection, declaration, message))
        pending = outbox.enqueue_events(connection, outgoing, message, actor, context.event_routing, context.clock.now())
        change = result.change if result is not None else None
        if declaration.is_audited or change is not None:
            output = result.output if isinstance(result, Done) else None
            record = audit.record(declaration, message, caller, inputs, output, response.outcome, response.reason, change, context.clock)
            pending.append(audit.queue(connection, record, message, context.name))
        if declaration.kind is Kind.COMMAND:
            is_secret = response.is_secret or (declaration.has_secret_response and response.outcome == "done")
            inbox.queue_reply(connection, message, self.name, response.outcome, response.status, None if is_secret else response.body)
        return response, pending

    async def _call_handler(
        self, connection: Connection, message: Message, caller: Caller | None, inputs: tuple[Any, ...]
    ) -> tuple[Response, Done[Any] | Rejected | None]:
        """Run the handler inside the savepoint. A raised Rejection undoes what it wrote and becomes the response."""
        declaration, is_strict = self.declaration, self._context.is_strict
        try:
            result = await declaration.handler(*inputs, **self._arguments(message, caller, None))
        except Rejection as rejection:
            recent_facts.raise_if_recent(rejection, self._context.clock.now())
            await connection.execute("ROLLBACK TO SAVEPOINT handler", prepare=False)
            if declaration.kind is not Kind.COMMAND:
                raise failures.Refused(rejection) from rejection
            contracts.check_rejection(declaration, rejection, is_strict)
            return responses.rejected(rejection), None
        if isinstance(result, Rejected):
            contracts.check_rejection(declaration, result.reason, is_strict)
            return responses.rejected(result.reason), result
        if isinstance(result, Done):
            return self._encoder.done(result.output), result
        if result is None:
            return Response("done", declaration.status, b""), None
        raise TypeError(f"{self.name} returned {type(result).__name__}, not Done or Rejected")

    def _stored_response(self, message: Message, recorded: inbox.InboxRow) -> Response:
        """Return the response of the first execution, for a repeated message."""
        if recorded.fingerprint != message.fingerprint:
            return responses.rejected(KeyReused("This Idempotency-Key was used for a request with another body. Use a new key."))
        if recorded.outcome is None or recorded.status is None:
            return Response("done", self.declaration.status, b"")
        if recorded.reply is None:
            return responses.rejected(AnswerNotKept())
        return Response(recorded.outcome, recorded.status, bytes(recorded.reply))

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
        return await self._context.bus.publish_unconfirmed(REPLIES, to, headers, response.body)


def _event_names(rows: list[outbox.OutboxRow]) -> tuple[str, ...]:
    return tuple(f"{row.headers['type']}:{row.id}" for row in rows if not audit.is_record(row))
