"""What becomes of a message whose handling raised. Known failures never leave a function as 5xx.

    its caller waits        → told at once (503 it may pass, 500 it will not); nothing was done, so nothing is tried again.
                              A fault of ours is also kept as a dead letter, for us to see
    the database is away    → put off, as often as it takes (so is one whose table a migration has locked)
    a newer release wrote it→ later, for as long as a roll-out takes
    it may pass             → later: exponential backoff with jitter, or when the foreign system says; a bounded number of times
    nothing mends it        → dead letter, in the context's database

An outage of ours is no try: it is counted by itself (`outage`, for the backoff), and `attempt` stays. Otherwise one that is longer than all retries
(two minutes, by default) would empty every queue into the dead letters, for an operator to replay by hand what only had to wait. For the same
reason what RabbitMQ does not take for later is owed to it in the outbox, as events are; and what is to die while the database is away is put off.
Only where neither of the two takes the message there is CannotSettle: 5xx, and the broker's own retry takes over.

Everything that may fail, fails before the commit, except the commit itself: then only the next try, which finds the claim or does not, can tell.
"""

from datetime import datetime, timedelta
from typing import Protocol

from functions.kernel import Declaration, Kind, Permanent, RateLimited, Rejection, Transient, Unavailable
from functions.runtime.execution import answers
from functions.runtime.execution.answers import Answer
from functions.runtime.execution.context import FunctionContext
from functions.runtime.execution.inputs import NewerVersion
from functions.runtime.messaging import delays
from functions.runtime.messaging.bus import BrokerUnavailable, Unroutable
from functions.runtime.reliability import dead_letters, outbox
from functions.runtime.storage.database import CLASHES, CommitUnknown, DatabaseUnavailable
from functions.wire.cloudevents import Message

PATIENCE = 60.0
"""Seconds between tries, at most, while the database is away or a roll-out goes on."""

ROLL_OUT_TRIES = 36
"""Half an hour, about: so long a message that a newer release has written waits for that release's code."""

MAY_PASS = (Transient, DatabaseUnavailable, *CLASHES)


class CannotSettle(Exception):
    """Neither the database nor the broker can take the message: answer 5xx."""


class Refused(Exception):
    """A message that nobody waits for was met with a Rejection: a disagreement between contexts, for an operator to see."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(f"{rejection.slug()}: {rejection.detail}")
        self.rejection = rejection


class InternalError(Rejection):
    """Something went wrong on our side; it has been recorded."""

    status = 500


class Failing(Protocol):
    """The function whose handling failed."""

    name: str
    declaration: Declaration

    async def reply(self, message: Message, answer: Answer) -> bool: ...


async def settle(function: Failing, around: FunctionContext, message: Message, error: Exception) -> tuple[str, str]:
    """Answers how it ended and why, in words for the journal. Raises CannotSettle."""
    why = f"{type(error).__name__}: {error}"
    if isinstance(error, DatabaseUnavailable):
        around.outbox_publisher.sweep_soon()  # a server that crashed may have forgotten which events were published
    if isinstance(error, BrokerUnavailable | Unroutable):
        return await _owe(function, around, message, message.due or around.clock.now(), error, why)
    if _somebody_waits(function, message) and not isinstance(error, CommitUnknown):
        return await _tell(function, around, message, error, why)
    if isinstance(error, DatabaseUnavailable):
        return await _put_off(function, around, message, error, why)
    if _is_final(function, message, error):
        return await _bury(function, around, message, error, why)
    return await _try_later(function, around, message, error, why)


def _somebody_waits(function: Failing, message: Message) -> bool:
    return function.declaration.kind is Kind.QUERY or (message.get("replyto") is not None and message.deadline is not None)


async def _tell(function: Failing, around: FunctionContext, message: Message, error: Exception, why: str) -> tuple[str, str]:
    if isinstance(error, MAY_PASS):
        wait = round(error.retry_after) if isinstance(error, RateLimited) else 2
        await function.reply(message, answers.failed(Unavailable("something this needs is away; nothing was done; try again", retry_after=wait)))
        return "failed", why
    await function.reply(message, answers.failed(InternalError()))
    try:
        async with around.database.transaction() as connection:
            await dead_letters.store(connection, message, function.name, dead_letters.name_of(error), str(error), dead_letters.stack_of(error))
    except DatabaseUnavailable as away:
        return "failed", f"{why}; and it could not be recorded: {away}"
    return "failed", why


def _is_final(function: Failing, message: Message, error: Exception) -> bool:
    tries = function.declaration.retry.attempts
    if isinstance(error, NewerVersion):
        tries = max(tries, ROLL_OUT_TRIES)
    return isinstance(error, Permanent | Refused) or message.attempt >= tries


async def _put_off(function: Failing, around: FunctionContext, message: Message, away: DatabaseUnavailable, why: str) -> tuple[str, str]:
    """The database is away: its message waits in RabbitMQ, whatever number of tries it has had."""
    now, outage = around.clock.now(), message.number("outage") + 1
    wait = min(delays.backoff(outage, function.declaration.retry.first_delay), PATIENCE)
    try:
        await delays.delay(around.bus, function.name, message.with_attributes(outage=str(outage)), now + timedelta(seconds=wait), now)
    except (BrokerUnavailable, Unroutable) as also:
        raise CannotSettle(f"{why}; and {also}") from away
    return "retried", why


async def _try_later(function: Failing, around: FunctionContext, message: Message, error: Exception, why: str) -> tuple[str, str]:
    now = around.clock.now()
    wait = delays.backoff(message.attempt, function.declaration.retry.first_delay)
    if isinstance(error, RateLimited):
        wait = max(error.retry_after, 1.0)
    elif isinstance(error, NewerVersion):
        wait = min(wait, PATIENCE)
    until, again = now + timedelta(seconds=wait), message.with_attributes(attempt=str(message.attempt + 1), outage=None)
    try:
        await delays.delay(around.bus, function.name, again, until, now)
    except (BrokerUnavailable, Unroutable) as away:
        return await _owe(function, around, again, until, error, f"{why}; and {away}")
    return "retried", why


async def _owe(function: Failing, around: FunctionContext, message: Message, until: datetime, error: Exception, why: str) -> tuple[str, str]:
    """RabbitMQ does not take for later what is for later (this one may have come early, and be none the worse for it): it gets it when it does."""
    wait = (until - around.clock.now()).total_seconds()
    exchange, later = delays.route(delays.addressed(message, function.name), until, wait)
    try:
        async with around.database.transaction() as connection:
            outbox.enqueue(connection, exchange, function.name, later)
    except DatabaseUnavailable as also:
        raise CannotSettle(f"{why}; and {also}") from error
    around.outbox_publisher.sweep_soon()
    return "retried", f"{why}; it waits in the outbox"


async def _bury(function: Failing, around: FunctionContext, message: Message, error: Exception, why: str) -> tuple[str, str]:
    name = error.rejection.slug() if isinstance(error, Refused) else dead_letters.name_of(error)
    try:
        async with around.database.transaction() as connection:
            await dead_letters.store(connection, message, function.name, name, str(error), dead_letters.stack_of(error))
    except DatabaseUnavailable as away:
        return await _put_off(function, around, message, away, f"{why}; and {away}")
    return "dead", why
