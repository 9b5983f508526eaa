"""One function and everything around it: deadline, authorization, input, claim, handler, reply, events.

    deadline over           → not begun; nobody waits
    caller, input           → a rejection is the answer, and nothing is written
    ┌ transaction ──────────────────────────────────────────┐
    │ claim the message      taken: answer what was stored   │  one round trip to the database
    │ savepoint { handler }  a Rejection rolls back to it    │  the handler's own
    │ reply, events          stored beside the state         │  one
    └ commit ───────────────────────────────────────────────┘
    reply (best effort) → events (confirmed, else swept later)

Nothing after the commit can turn the answer into a failure. `failures` decides what becomes of an exception.
"""

import time
from dataclasses import dataclass
from typing import Any

from functions.kernel import (
    Caller,
    Client,
    Clock,
    Conflict,
    Declaration,
    Done,
    Forbidden,
    Kind,
    Origin,
    OutgoingMessage,
    Rejected,
    Rejection,
    Unauthenticated,
    Work,
)
from functions.runtime.execution import answers, failures
from functions.runtime.execution.answers import Answer
from functions.runtime.execution.context import FunctionContext
from functions.runtime.execution.inputs import InputDecoder
from functions.runtime.execution.unit_of_work import AlreadyRecorded, UnitOfWork
from functions.runtime.messaging import delays
from functions.runtime.messaging.bus import REPLIES
from functions.runtime.reliability import dead_letters, inbox, ordering, outbox
from functions.runtime.reliability.ordering import Turn
from functions.runtime.storage.database import CLASHES, Connection
from functions.runtime.storage.session import Statement
from functions.wire.cloudevents import Message

CLASH_TRIES = 4

SAVEPOINT = Statement("SAVEPOINT handler")  # the commit releases it


class KeyReused(Rejection):
    """The idempotency key was used before with another body."""

    status = 422


class AnswerNotKept(Conflict):
    """It has been done, and its answer held secrets that are not kept; ask again with a new key."""


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """How an execution ended, for the journal."""

    outcome: str
    detail: str = ""
    emitted: tuple[str, ...] = ()
    message: Message | None = None  # as the effect has resumed it


class Function:
    """A declared function, ready to take messages."""

    def __init__(self, declaration: Declaration, around: FunctionContext) -> None:
        self.declaration = declaration
        self.name = declaration.name
        self._around = around
        around.declared.update(declaration.emits)
        self._reader = InputDecoder(declaration, around.opener) if declaration.input is not None else None
        self._speaker = answers.ResponseEncoder(declaration)
        self._fixed: dict[str, Any] = {}
        self._from_message: dict[str, Any] = {}
        for parameter, wanted in declaration.needs.items():
            if wanted in (Caller, Caller | None, Client, Origin, Work):
                self._from_message[parameter] = wanted
            else:
                self._fixed[parameter] = around.clock if wanted is Clock else around.container.get(wanted, f"{self.name}({parameter})")

    async def handle(self, message: Message) -> None:
        """Returns once the message is settled, whatever became of it. Raises failures.CannotSettle if neither database nor broker answers."""
        began, counted = self._around.clock.now(), time.perf_counter()
        caller: Caller | None = None
        try:
            if (ended := await self._settled_unseen(message)) is None:
                caller = self._caller(message)
                ended = await self._take(message, caller)
        except Rejection as no:
            ended = await self._refuse(message, no)
        except AlreadyRecorded:
            await self._around.outbox_publisher.flush_caused_by(message)
            ended = ExecutionResult("duplicate")
        except Exception as error:  # noqa: BLE001  whatever a handler raises is this runtime's to settle
            sender = message.with_attributes(actor=str(caller.user_id)) if caller else message
            ended = ExecutionResult(*await failures.settle(self, self._around, sender, error))
        actor = str(caller.user_id) if caller else None
        ms = (time.perf_counter() - counted) * 1000
        said = ended.message or message
        self._around.journal.write(self.declaration, said, began, ms, ended.outcome, detail=ended.detail, actor=actor, emitted=ended.emitted)

    async def _settled_unseen(self, message: Message) -> ExecutionResult | None:
        """Messages that are not to be handled: those to be stored, those too early, those nobody waits for."""
        now = self._around.clock.now()
        if reason := message.get("deadletter"):
            async with self._around.database.transaction() as connection:
                await dead_letters.store(
                    connection, message.with_attributes(deadletter=None), self.name, reason, message.get("deadletterdetail") or reason
                )
            return ExecutionResult("dead", reason)
        if delays.is_early(message, now) and message.due is not None:
            await delays.delay(self._around.bus, self.name, message, message.due, now)
            return ExecutionResult("retried", f"not before {message.get('due')}")
        if message.deadline is not None and message.deadline < now:
            return ExecutionResult("expired", "its caller has stopped waiting")
        return None

    def _caller(self, message: Message) -> Caller | None:
        """Raises Unauthenticated or Forbidden. Events come from ourselves: they name an actor and need no token."""
        if not self.declaration.knows_caller:
            return None
        if message.get("vouch"):
            caller = self._around.replay_signer.caller(message)
        else:
            token = message.get("token")
            caller = self._around.tokens.verify(token, self._around.clock.now()) if token else None
        if self.declaration.allow.admits(caller):
            return caller
        if caller is None:
            raise Unauthenticated()
        raise Forbidden(f"this needs the role {' or '.join(sorted(self.declaration.allow.roles))}")

    def _arguments(self, message: Message, caller: Caller | None, work: Work | None) -> dict[str, Any]:
        arguments = dict(self._fixed)
        for parameter, wanted in self._from_message.items():
            if wanted is Client:
                arguments[parameter] = Client(message.get("remote") or "", message.get("useragent") or "")
            elif wanted is Origin:
                arguments[parameter] = Origin(message.correlation, str(caller.user_id) if caller else message.get("actor"))
            elif wanted is Work:
                arguments[parameter] = work
            else:
                arguments[parameter] = caller
        return arguments

    async def _take(self, message: Message, caller: Caller | None) -> ExecutionResult:
        inputs = () if self._reader is None else (self._reader.read(message),)
        kind = self.declaration.kind
        if kind is Kind.QUERY:
            arguments = self._arguments(message, caller, None)
            async with self._around.database.transaction(read_only=True):
                output = await self.declaration.handler(*inputs, **arguments)
            await self.reply(message, self._speaker.done(output))
            return ExecutionResult("done")
        if kind in (Kind.EFFECT, Kind.SCHEDULE):
            return await self._effect(message, inputs)
        for left in reversed(range(CLASH_TRIES)):
            try:
                return await self._transact(message, caller, inputs)
            except CLASHES:
                if not left:
                    raise
        raise AssertionError("unreachable")

    async def _effect(self, message: Message, inputs: tuple[Any, ...]) -> ExecutionResult:
        work = UnitOfWork(self._around, self._around.database, message, self.name)
        if self.declaration.kind is Kind.EFFECT:
            async with self._around.database.transaction(read_only=True) as connection:
                seen = await inbox.recorded(connection, message, self.name) is not None
            if seen:
                raise AlreadyRecorded(message.id)
        await self.declaration.handler(*inputs, **self._arguments(message, None, work))
        await self._around.outbox_publisher.flush(work.owed)
        return ExecutionResult("done", emitted=tuple(_names(work.owed)), message=work.message)

    async def _transact(self, message: Message, caller: Caller | None, inputs: tuple[Any, ...]) -> ExecutionResult:
        around, name = self._around, self.name
        overtaking = ordering.overtaking(self.declaration, message)
        async with around.database.transaction(at_once=False) as connection:
            stored, [*overtaken, _] = await inbox.claim(connection, message, name, *([overtaking] if overtaking else []), SAVEPOINT)
            owing: list[outbox.PendingMessage] = []
            if stored is not None:
                answer, outcome = self._again(message, stored), "duplicate"
            elif (turn := await ordering.take_turn(connection, self.declaration, message, next(iter(overtaken), None))) is Turn.OVER:
                return ExecutionResult("skipped", "a newer event of its subject was applied before")
            elif turn is Turn.EARLY:
                await ordering.park(connection, self.declaration, message)
                await inbox.disclaim(connection, message, name)
                return ExecutionResult("parked", "an event before it has not been applied yet")
            else:
                answer, events = await self._decide(connection, message, caller, inputs)
                actor = str(caller.user_id) if caller else message.get("actor")
                events = (*events, *await ordering.next_parked(connection, self.declaration, message))
                owing = outbox.write(connection, events, message, actor, around.context, around.clock.now(), around.receiver, around.check_declared)
                if self.declaration.kind is Kind.COMMAND:
                    kept = None if self.declaration.secret_answer and answer.outcome == "done" else answer.body
                    inbox.keep_reply(connection, message, name, answer.outcome, answer.status, kept)
                outcome = answer.outcome
        owed = [each.owed() for each in owing]
        await self.reply(message, answer)
        await around.outbox_publisher.flush(owed)
        if stored is not None:
            await around.outbox_publisher.flush_caused_by(message)
        return ExecutionResult(outcome, _detail(answer), tuple(_names(owed)))

    async def _decide(
        self, connection: Connection, message: Message, caller: Caller | None, inputs: tuple[Any, ...]
    ) -> tuple[Answer, tuple[OutgoingMessage, ...]]:
        """Runs the handler inside the savepoint; a Rejection undoes what it wrote and is an answer nevertheless."""
        try:
            result = await self.declaration.handler(*inputs, **self._arguments(message, caller, None))
        except Rejection as no:
            await connection.execute("ROLLBACK TO SAVEPOINT handler", prepare=False)
            if self.declaration.kind is not Kind.COMMAND:
                raise failures.Refused(no) from no
            return answers.rejected(no), ()
        if isinstance(result, Rejected):
            return answers.rejected(result.reason), result.events
        if isinstance(result, Done):
            return self._speaker.done(result.output), result.events
        if result is None:
            return Answer("done", self.declaration.answers, b""), ()
        raise TypeError(f"{self.name} returned {type(result).__name__}, not Done or Rejected")

    def _again(self, message: Message, stored: inbox.Recorded) -> Answer:
        if stored.fingerprint != message.fingerprint:
            return answers.rejected(KeyReused("this Idempotency-Key belongs to a request with another body; use a new key"))
        if stored.outcome is None or stored.status is None:
            return Answer("done", self.declaration.answers, b"")
        if stored.reply is None:
            return answers.rejected(AnswerNotKept())
        return Answer(stored.outcome, stored.status, bytes(stored.reply))

    async def _refuse(self, message: Message, no: Rejection) -> ExecutionResult:
        """A "no" before the work began: no token, no permission, a bad input."""
        if self.declaration.kind in (Kind.COMMAND, Kind.QUERY):
            answer = answers.rejected(no)
            await self.reply(message, answer)
            return ExecutionResult("rejected", _detail(answer))
        return ExecutionResult(*await failures.settle(self, self._around, message, failures.Refused(no)))

    async def reply(self, message: Message, answer: Answer) -> bool:
        """Best effort. False if nobody asked for it or RabbitMQ is away; the caller then asks again with the same key."""
        to = message.get("replyto")
        if to is None:
            return False
        headers = {"correlationid": message.correlation, "outcome": answer.outcome, "status": str(answer.status)}
        return await self._around.bus.publish_unconfirmed(REPLIES, to, headers, answer.body)


def _names(owed: list[outbox.OutboxRow]) -> list[str]:
    return [f"{row.headers['type']}:{row.id}" for row in owed]


def _detail(answer: Answer) -> str:
    return "" if answer.outcome == "done" else answer.body.decode()[:500]
