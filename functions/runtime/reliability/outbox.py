"""Events are written with the state they tell and published after the commit; what is not confirmed stays and is swept later.

A function answers the dispatcher (not its caller, who has the reply already) only when its events are confirmed, so a process that dies in
between gets its message again, finds it claimed, and publishes what it still owes. A row is deleted only when RabbitMQ has confirmed it; a
crash in between publishes it twice, with the same id, and the receivers' inbox takes it once. The sweep looks for rows that a process left
behind for good.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from functions.kernel import Delayed, Event, OutgoingMessage, Readdressed, new_id
from functions.runtime.messaging import delays
from functions.runtime.messaging.bus import COMMANDS, EVENTS, REDELIVERY, AccessRefused, BrokerUnavailable, Bus, Unroutable
from functions.runtime.storage.database import Connection, Database, DatabaseUnavailable
from functions.runtime.storage.session import QueuedStatement
from functions.wire.cloudevents import Message, new_message

_log = logging.getLogger("capsule.outbox")

SWEEP_AFTER = 5
"""Seconds: younger rows are their own process's to publish."""

BATCH = 200


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A row of the outbox: a message that has been committed and not published."""

    position: int
    id: str
    exchange: str
    routing_key: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class PendingMessage:
    """A message that goes into the outbox with the commit of the open transaction."""

    later: QueuedStatement
    exchange: str
    routing_key: str
    headers: Mapping[str, str]
    body: bytes

    def owed(self) -> OutboxRow:
        """After the commit."""
        assert self.later.result is not None, "its transaction has not been committed"
        position, sequence = self.later.result.rows[0]
        headers = self.headers if sequence is None else {**self.headers, "sequence": str(sequence)}
        return OutboxRow(position, self.headers["id"], self.exchange, self.routing_key, headers, self.body)


def write(
    connection: Connection,
    events: Sequence[OutgoingMessage],
    cause: Message,
    actor: str | None,
    context: str,
    now: datetime,
    receiver: Callable[[type[Event]], str],
    check_declared: Callable[[type[Event]], None],
) -> list[PendingMessage]:
    """Adds the events to the open transaction, each numbered within its subject; they are written with its commit.

    `check_declared` raises for an event that the context does not declare: RabbitMQ would refuse it after the commit.
    """
    owing = []
    for said in events:
        if isinstance(said, Readdressed):
            owing.append(_add(connection, REDELIVERY, said.function, {**said.headers, "causation": cause.id}, said.body))
            continue
        event = said.event if isinstance(said, Delayed) else said
        message = _message(event, cause, actor, context, now)
        exchange, routing_key = EVENTS, event.type
        if isinstance(said, Delayed):
            until = now + said.delay
            routing_key = receiver(type(event))
            exchange, message = delays.route(message, until, said.delay.total_seconds())
        else:
            check_declared(type(event))
        subject = None if event.subject_id is None else f"{event.type}/{event.subject_id}"
        owing.append(_add(connection, exchange, routing_key, message.headers(), message.body, subject))
    return owing


def enqueue(connection: Connection, exchange: str, routing_key: str, message: Message) -> PendingMessage:
    """Adds a message as it is to the open transaction."""
    return _add(connection, exchange, routing_key, message.headers(), message.body)


ADD = "INSERT INTO outbox (id, exchange, routing_key, headers, body) VALUES (%s, %s, %s, %s, %s) RETURNING position, NULL"

ADD_NUMBERED = """
WITH numbered AS (
    INSERT INTO subjects AS s (subject, sequence) VALUES (%s, 1)
    ON CONFLICT (subject) DO UPDATE SET sequence = s.sequence + 1 RETURNING sequence
)
INSERT INTO outbox (id, exchange, routing_key, headers, body)
SELECT %s, %s, %s, %s::jsonb || jsonb_build_object('sequence', sequence::text), %s FROM numbered
RETURNING position, headers->>'sequence'
"""
"""Numbers without gaps, in the order of commits: the subject's row stays locked until this transaction ends."""


def _add(
    connection: Connection, exchange: str, routing_key: str, headers: Mapping[str, str], body: bytes, subject: str | None = None
) -> PendingMessage:
    values = (headers["id"], exchange, routing_key, json.dumps(headers), body)
    later = connection.later(ADD, values) if subject is None else connection.later(ADD_NUMBERED, (subject, *values))
    return PendingMessage(later, exchange, routing_key, headers, body)


def _message(event: Event, cause: Message, actor: str | None, context: str, now: datetime) -> Message:
    return new_message(
        event.type,
        f"/capsule/{context}",
        event.model_dump_json(by_alias=True).encode(),
        now,
        str(new_id()),
        correlationid=cause.correlation,
        causation=cause.id,
        actor=actor,
        subject=event.subject_id,
        dataversion=str(event.version),
        traceparent=cause.get("traceparent"),
    )


class OutboxPublisher:
    """Publishes what was committed. `flush` returns when it is confirmed, or will be tried again: by this process while it lives, else by whoever
    gets the message that caused it again, else by the next process of the context."""

    def __init__(self, bus: Bus, database: Database) -> None:
        self._bus = bus
        self._database = database
        self._queue: list[OutboxRow] = []
        self._running: asyncio.Task[None] | None = None
        self._again: asyncio.Task[None] | None = None
        self._refused: set[int] = set()
        """Rows that RabbitMQ refuses to take from this user. They stay for the next process: each try would close the channel under all others."""

    async def flush(self, owed: Sequence[OutboxRow]) -> None:
        """Publishes these, together with what other messages of this process hand over meanwhile."""
        if not owed:
            return
        self._queue.extend(owed)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        await asyncio.wait([self._running])

    async def _run(self) -> None:
        await asyncio.sleep(0)  # whoever commits in the same turn of the loop comes along
        try:
            while self._queue:
                batch, self._queue = self._queue[:BATCH], self._queue[BATCH:]
                if await self._publish(batch) < len(batch):
                    self.sweep_soon()
        finally:
            self._running = None

    def sweep_soon(self) -> None:
        """Something was left behind: this process tries again until it is gone."""
        if self._again is None or self._again.done():
            self._again = asyncio.create_task(self._sweep_later())

    async def _sweep_later(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_AFTER + 1)
            try:
                await self.sweep()
                return
            except (DatabaseUnavailable, BrokerUnavailable) as error:
                _log.warning("the outbox cannot be swept yet: %s", error)

    async def _publish(self, batch: Sequence[OutboxRow]) -> int:
        """Publishes, deletes what was confirmed and answers how many. The rest stays in the outbox for the sweep."""
        results = await asyncio.gather(*(self._one(row) for row in batch), return_exceptions=True)
        confirmed = [row.position for row, result in zip(batch, results, strict=True) if result is None]
        for row, result in zip(batch, results, strict=True):
            if isinstance(result, AccessRefused):
                self._refused.add(row.position)
                _log.error("message %s stays in the outbox until the next start: %s", row.id, result)
            elif isinstance(result, BrokerUnavailable | Unroutable):
                _log.warning("an event stays in the outbox: %s", result)
            elif isinstance(result, BaseException):
                raise result
        if confirmed:
            try:
                await self._database.execute_async_commit("DELETE FROM outbox WHERE position = ANY(%s)", (confirmed,))
            except DatabaseUnavailable as error:
                _log.warning("published events are not marked and will be published again: %s", error)
                return 0
        return len(confirmed)

    async def _one(self, row: OutboxRow) -> None:
        delayed = row.exchange != EVENTS
        await self._bus.publish(row.exchange, row.routing_key, row.headers, row.body, mandatory=delayed)

    async def close(self) -> None:
        """Waits for what is under way; what is to be tried again is left to the next process."""
        if self._running is not None:
            await asyncio.wait([self._running])
        if self._again is not None:
            self._again.cancel()

    async def sweep(self) -> int:
        """Publishes what others left behind, oldest first; answers how many. What nobody takes does not hold what stands behind it. Raises
        DatabaseUnavailable, and BrokerUnavailable if not all was taken."""
        swept = left = after = 0
        old = f"(created_at < now() - interval '{SWEEP_AFTER} seconds' OR created_at > now())"  # or the clock was set back
        while rows := await self._owed(f"position > %s AND {old} AND NOT position = ANY(%s)", after, list(self._refused)):
            known = len(self._refused)
            confirmed = await self._publish(rows)
            swept += confirmed
            if len(self._refused) > known:
                continue  # the channel was closed under the others too: they are published again without what is refused
            left, after = left + len(rows) - confirmed, rows[-1].position
            if left and not self._bus.connected:
                break
        if left:
            raise BrokerUnavailable(f"{left} events were not confirmed")
        return swept

    async def flush_caused_by(self, message: Message) -> None:
        """Publishes what the first handling of this message still owes: it died between its commit and its publishing."""
        await self.flush(await self._owed("headers->>'causation' = %s", message.id))

    async def _owed(self, which: str, *parameters: str | int | list[int]) -> list[OutboxRow]:
        async with self._database.transaction(read_only=True) as connection:
            cursor = await connection.execute(
                f"SELECT position, id, exchange, routing_key, headers, body FROM outbox WHERE {which} ORDER BY position LIMIT {BATCH}", parameters
            )
            rows = await cursor.fetchall()
        return [OutboxRow(row[0], str(row[1]), _current(row[2]), row[3], row[4], bytes(row[5])) for row in rows]


def _current(exchange: str) -> str:
    """0.1.0 wrote `capsule.commands` for what a context sends to its own functions."""
    return REDELIVERY if exchange == COMMANDS else exchange
