"""The transaction of a command or an event handler: what happens in it for one message, alone or beside others (`batches`)."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, Protocol

from events.platform import AuditRecord
from functions.kernel import Caller, Declaration, Done, Kind, Rejected, Rejection
from functions.runtime.execution import contracts, failures, recent_facts, responses
from functions.runtime.execution.context import FunctionContext
from functions.runtime.execution.responses import Response, ResponseEncoder
from functions.runtime.execution.results import AnswerNotKept, KeyReused
from functions.runtime.reliability import audit, inbox, ordering, outbox, revoked_sessions
from functions.runtime.reliability.ordering import Sequence as EventSequence
from functions.runtime.storage.database import LOCK_TIMEOUT, Connection
from functions.runtime.storage.session import Statement
from functions.wire.cloudevents import Message

SAVEPOINT = Statement("SAVEPOINT handler")  # released by the commit


class WritingFunction(Protocol):
    """A function that the runtime runs in its own transaction: a command or an event handler."""

    declaration: Declaration
    name: str
    encoder: ResponseEncoder

    def call(self, execution: "Execution") -> Awaitable[Any]: ...

    def call_together(self, executions: "Sequence[Execution]") -> Awaitable[Sequence[Any]]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Execution:
    """One message for one function: its caller is authorized, its input decoded."""

    function: WritingFunction
    message: Message
    caller: Caller | None
    inputs: tuple[Any, ...]
    key: inbox.Key
    subject: tuple[str, str] | None
    """(function, subject) of an event that is applied only if it is newer; None of any other message."""

    @classmethod
    def of(cls, function: WritingFunction, message: Message, caller: Caller | None, inputs: tuple[Any, ...]) -> "Execution":
        return cls(function, message, caller, inputs, inbox.key_of(message, function.name), ordering.subject_of(function.declaration, message))


@dataclass(frozen=True, slots=True)
class Handled:
    """What a handler has done, and what is stored with the commit: outgoing messages, the record for the audit log and, of a command, the reply."""

    response: Response
    pending: list[outbox.PendingMessage]
    record: tuple[AuditRecord, Message] | None
    reply: inbox.Reply | None


@dataclass(frozen=True, slots=True)
class Committed:
    """How an execution ended. `response`: None for an event that was not applied. `is_recorded`: another execution had recorded the message."""

    outcome: str
    detail: str = ""
    response: Response | None = None
    rows: tuple[outbox.OutboxRow, ...] = ()
    is_recorded: bool = False

    @classmethod
    def of(cls, handled: Handled) -> "Committed":
        """Call it after the commit."""
        response, rows = handled.response, tuple(each.committed_row() for each in handled.pending)
        return cls(response.outcome, response.log_detail, response, rows)


SKIPPED = Committed("skipped", "a newer event of its subject was applied before")
PARKED = Committed("parked", "its predecessor is not applied yet")


async def execute_alone(context: FunctionContext, execution: Execution, lock_timeout: LiteralString = LOCK_TIMEOUT) -> Committed:
    """Execute one message in a transaction of its own."""
    function, message, caller = execution.function, execution.message, execution.caller
    declaration = function.declaration
    advance, session = ordering.advance_if_newer(declaration, message), revoked_sessions.lookup(caller)  # of events, of commands
    async with context.database.transaction(is_begin_queued=True, lock_timeout=lock_timeout) as connection:
        also = (advance, session, SAVEPOINT if declaration.kind is Kind.COMMAND else None)
        recorded, results = await inbox.claim(connection, message, function.name, *(each for each in also if each))
        if session is not None:
            revoked_sessions.refuse_ended(results[0], message, is_recorded=recorded is not None)
        if recorded is not None:
            response = _stored_response(declaration, message, recorded)
            return Committed("duplicate", response.log_detail, response, is_recorded=True)
        sequence = await ordering.advance_sequence(connection, declaration, message, results[0] if advance else None)
        if sequence is EventSequence.STALE:
            return SKIPPED
        if sequence is EventSequence.GAP:
            await ordering.park(connection, declaration, message)
            await inbox.release_claim(connection, message, function.name)
            return PARKED
        handled = await run_handler(context, connection, execution)
        store(context, connection, [handled])
    return Committed.of(handled)


def store(context: FunctionContext, connection: Connection, handled: Sequence[Handled]) -> None:
    """Store with the commit what handlers have done. The first one's messages get the records of all for the audit log."""
    if records := [each.record for each in handled if each.record is not None]:
        handled[0].pending.append(audit.pending(records, context.name))
    outbox.enqueue(connection, [pending for each in handled for pending in each.pending])
    inbox.queue_replies(connection, [each.reply for each in handled if each.reply is not None])


async def run_handler(context: FunctionContext, connection: Connection, execution: Execution) -> Handled:
    """Call the handler, of a command inside the savepoint `handler`; collect its events and its record for the audit log.

    A raised Rejection of a command undoes what the handler wrote and becomes the response. Raises failures.Refused for that of an event.
    """
    response, result = await _call(context, connection, execution)
    return await _handled(context, connection, execution, response, result)


async def run_batch_handler(context: FunctionContext, connection: Connection, executions: Sequence[Execution]) -> list[Handled]:
    """Call a batch handler for several messages. Raises what it raises: a Rejection too."""
    results = await executions[0].function.call_together(executions)
    return [await _handled(context, connection, each, *_response(context, each, result)) for each, result in zip(executions, results, strict=True)]


async def _handled(
    context: FunctionContext, connection: Connection, execution: Execution, response: Response, result: Done[Any] | Rejected | None
) -> Handled:
    message, caller = execution.message, execution.caller
    declaration, name = execution.function.declaration, execution.function.name
    events = result.events if result is not None else ()
    contracts.check_events(declaration, events, context.is_strict)
    actor, now = str(caller.user_id) if caller else message.get("actor"), context.clock.now()
    outgoing = (*events, *await ordering.release_successor(connection, declaration, message))
    pending = outbox.pending_events(outgoing, message, actor, context.event_routing, now)
    change, record = result.change if result is not None else None, None
    if declaration.is_audited or change is not None:
        output = result.output if isinstance(result, Done) else None
        made = audit.record(
            declaration, message, caller, execution.inputs, output, response.outcome, response.reason, change, context.clock
        )  # fmt: skip
        record = made, message
    reply = None
    if declaration.kind is Kind.COMMAND:
        is_secret = response.is_secret or (declaration.has_secret_response and response.outcome == "done")
        reply = inbox.Reply(message, name, response.outcome, response.status, None if is_secret else response.body)
    return Handled(response, pending, record, reply)


async def _call(context: FunctionContext, connection: Connection, execution: Execution) -> tuple[Response, Done[Any] | Rejected | None]:
    declaration = execution.function.declaration
    try:
        result = await execution.function.call(execution)
    except Rejection as rejection:
        recent_facts.raise_if_recent(rejection, context.clock.now())
        if declaration.kind is not Kind.COMMAND:
            raise failures.Refused(rejection) from rejection
        await connection.execute("ROLLBACK TO SAVEPOINT handler", prepare=False)
        contracts.check_rejection(declaration, rejection, context.is_strict)
        return responses.rejected(rejection), None
    return _response(context, execution, result)


def _response(context: FunctionContext, execution: Execution, result: Any) -> tuple[Response, Done[Any] | Rejected | None]:
    declaration = execution.function.declaration
    if isinstance(result, Rejected):
        contracts.check_rejection(declaration, result.reason, context.is_strict)
        return responses.rejected(result.reason), result
    if isinstance(result, Done):
        return execution.function.encoder.done(result.output), result
    if result is None:
        return Response("done", declaration.status, b""), None
    raise TypeError(f"{execution.function.name} returned {type(result).__name__}, not Done or Rejected")


def _stored_response(declaration: Declaration, message: Message, recorded: inbox.InboxRow) -> Response:
    """Return the response of the first execution, for a repeated message."""
    if recorded.fingerprint != message.fingerprint:
        return responses.rejected(KeyReused("This Idempotency-Key was used for a request with another body. Use a new key."))
    if recorded.outcome is None or recorded.status is None:
        return Response("done", declaration.status, b"")
    if recorded.reply is None:
        return responses.rejected(AnswerNotKept())
    return Response(recorded.outcome, recorded.status, bytes(recorded.reply))
