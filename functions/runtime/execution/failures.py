"""What happens to a message whose handling raised an exception. Known failures never leave a function as 5xx.

    its caller waits           reply at once: 503 if a retry may help, 500 otherwise. Nothing was done, so nothing is retried.
                               A bug is also stored as a dead letter
    database unavailable       postponed, any number of times (also if a migration has locked a table)
    written by newer release   retried for as long as a roll-out takes
    transient                  retried with backoff and jitter, or when the external system says, a bounded number of times
    permanent                  dead letter in the context's database

An outage of our own is not an attempt: it is counted separately (`outage`, for the backoff) and `attempt` stays. Otherwise an
outage longer than all retries (two minutes by default) would turn every queue into dead letters. For the same reason a
message that RabbitMQ does not take for a delay goes to the outbox, and a dead letter that cannot be stored is postponed. Only if
neither takes it: CannotSettle, 5xx, and the broker's own retry.

Everything that can fail does so before the commit, except the commit itself: then the next attempt finds the claim or not.
"""

from datetime import datetime, timedelta
from typing import Protocol

from functions.kernel import Declaration, Kind, NotKnownYet, Permanent, RateLimited, Rejection, Transient, Unavailable
from functions.runtime.execution import responses
from functions.runtime.execution.context import FunctionContext
from functions.runtime.execution.input_decoder import NewerVersion
from functions.runtime.execution.responses import Response
from functions.runtime.messaging import delays
from functions.runtime.messaging.bus import BrokerUnavailable, Unroutable
from functions.runtime.reliability import dead_letters, outbox
from functions.runtime.storage.failures import CLASHES, CommitUnknown, DatabaseUnavailable
from functions.wire.cloudevents import Message

MAX_OUTAGE_DELAY_SECONDS = 60.0
"""Between attempts while the database is unavailable or a roll-out is under way."""

ROLL_OUT_ATTEMPTS = 36
"""About half an hour: how long a message of a newer release waits for that release's code."""

RETRY_AFTER_SECONDS = 2
"""Suggested to a waiting caller."""

RETRYABLE = (Transient, DatabaseUnavailable, *CLASHES)


class CannotSettle(Exception):
    """Neither the database nor the broker takes the message: answer 5xx."""


class Refused(Exception):
    """An event handler raised a Rejection. No caller waits: it is a disagreement between contexts, for an operator to resolve."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(f"{rejection.slug()}: {rejection.detail}")
        self.rejection = rejection


class InternalError(Rejection):
    """Something went wrong on our side. It has been recorded."""

    status = 500


class FailedFunction(Protocol):
    """The function whose handling failed."""

    name: str
    declaration: Declaration

    async def reply(self, message: Message, response: Response) -> bool: ...


async def settle(function: FailedFunction, context: FunctionContext, message: Message, error: Exception) -> tuple[str, str]:
    """Settle a failed message. Returns outcome and detail for the execution log. Raises CannotSettle."""
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, DatabaseUnavailable):
        context.outbox_publisher.sweep_soon()  # a server that crashed may have lost which events were published (synchronous_commit = off)
    if isinstance(error, BrokerUnavailable | Unroutable):
        return await _enqueue(function, context, message, message.due or context.clock.now(), error, reason)
    if _has_waiting_caller(function, message) and not isinstance(error, CommitUnknown):
        return await _reply_error(function, context, message, error, reason)
    if isinstance(error, DatabaseUnavailable):
        return await _postpone(function, context, message, error, reason)
    if _is_final(function, message, error):
        return await _dead_letter(function, context, message, error, reason)
    return await _retry_later(function, context, message, error, reason)


def _has_waiting_caller(function: FailedFunction, message: Message) -> bool:
    return function.declaration.kind is Kind.QUERY or (message.get("replyto") is not None and message.deadline is not None)


async def _reply_error(function: FailedFunction, context: FunctionContext, message: Message, error: Exception, reason: str) -> tuple[str, str]:
    if isinstance(error, RETRYABLE):
        retry_after = round(error.retry_after) if isinstance(error, RateLimited) else RETRY_AFTER_SECONDS
        is_recent = isinstance(error, NotKnownYet)
        text = str(error) if is_recent else "A system that this request needs is unavailable. Nothing was done. Try again."
        unavailable = Unavailable(text, retry_after=1 if is_recent else retry_after)
        await function.reply(message, responses.failed(unavailable))
        return "failed", reason
    await function.reply(message, responses.failed(InternalError()))
    try:
        async with context.database.transaction() as connection:
            await dead_letters.store(connection, message, function.name, dead_letters.error_name(error), str(error), dead_letters.stack_of(error))
    except DatabaseUnavailable as unavailable_error:
        return "failed", f"{reason}; it could not be recorded: {unavailable_error}"
    return "failed", reason


def _is_final(function: FailedFunction, message: Message, error: Exception) -> bool:
    attempts = function.declaration.retry.attempts
    if isinstance(error, NewerVersion):
        attempts = max(attempts, ROLL_OUT_ATTEMPTS)
    return isinstance(error, Permanent | Refused) or message.attempt >= attempts


async def _postpone(function: FailedFunction, context: FunctionContext, message: Message, error: DatabaseUnavailable, reason: str) -> tuple[str, str]:
    """Delay a message in RabbitMQ while the database is unavailable. Not counted as an attempt."""
    now, outage = context.clock.now(), message.number("outage") + 1
    seconds = min(delays.backoff_seconds(outage, function.declaration.retry.first_delay_seconds), MAX_OUTAGE_DELAY_SECONDS)
    try:
        await delays.delay(context.bus, function.name, message.with_attributes(outage=str(outage)), now + timedelta(seconds=seconds), now)
    except (BrokerUnavailable, Unroutable) as broker_error:
        raise CannotSettle(f"{reason}; {broker_error}") from error
    return "retried", reason


async def _retry_later(function: FailedFunction, context: FunctionContext, message: Message, error: Exception, reason: str) -> tuple[str, str]:
    now = context.clock.now()
    seconds = delays.backoff_seconds(message.attempt, function.declaration.retry.first_delay_seconds)
    if isinstance(error, RateLimited):
        seconds = max(error.retry_after, 1.0)
    elif isinstance(error, NewerVersion):
        seconds = min(seconds, MAX_OUTAGE_DELAY_SECONDS)
    until, retry = now + timedelta(seconds=seconds), message.with_attributes(attempt=str(message.attempt + 1), outage=None)
    try:
        await delays.delay(context.bus, function.name, retry, until, now)
    except (BrokerUnavailable, Unroutable) as broker_error:
        return await _enqueue(function, context, retry, until, error, f"{reason}; {broker_error}")
    return "retried", reason


async def _enqueue(
    function: FailedFunction, context: FunctionContext, message: Message, until: datetime, error: Exception, reason: str
) -> tuple[str, str]:
    """Put a message into the outbox that RabbitMQ did not take for a delay."""
    seconds = (until - context.clock.now()).total_seconds()
    exchange, delayed = delays.route(delays.address_to(message, function.name), until, seconds)
    try:
        async with context.database.transaction() as connection:
            outbox.enqueue(connection, [outbox.pending_message(exchange, function.name, delayed)])
    except DatabaseUnavailable as database_error:
        raise CannotSettle(f"{reason}; {database_error}") from error
    context.outbox_publisher.sweep_soon()
    return "retried", f"{reason}; it waits in the outbox"


async def _dead_letter(function: FailedFunction, context: FunctionContext, message: Message, error: Exception, reason: str) -> tuple[str, str]:
    name = error.rejection.slug() if isinstance(error, Refused) else dead_letters.error_name(error)
    try:
        async with context.database.transaction() as connection:
            await dead_letters.store(connection, message, function.name, name, str(error), dead_letters.stack_of(error))
    except DatabaseUnavailable as database_error:
        return await _postpone(function, context, message, database_error, f"{reason}; {database_error}")
    return "dead", reason
