"""Events are written with the state they tell and published after the commit; what is not confirmed stays and is swept later.

The immediate relay publishes what this process has just committed. A row is deleted only when RabbitMQ has confirmed it; a crash in between publishes it
twice, with the same id, and the receivers' inbox takes it once. The sweep looks for rows that a crashed or cut-off process left behind.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from functions.kernel import Delayed, Event, new_id
from functions.runtime import delays
from functions.runtime.bus import EVENTS, Bus, BusAway, Unroutable
from functions.runtime.database import Connection, Database, DatabaseAway
from functions.runtime.envelope import Message, new_message, traced

_log = logging.getLogger("capsule.outbox")

SWEEP_AFTER = "5 seconds"
BATCH = 200


@dataclass(frozen=True, slots=True)
class Owed:
    """A row of the outbox."""

    position: int
    id: UUID
    exchange: str
    routing_key: str
    headers: Mapping[str, str]
    body: bytes


async def write(
    connection: Connection,
    events: Sequence[Event | Delayed],
    cause: Message,
    actor: str | None,
    context: str,
    now: datetime,
    receiver: Callable[[type[Event]], str],
) -> list[Owed]:
    """Adds the events to the open transaction, each numbered within its subject."""
    owed = []
    for said in events:
        event = said.event if isinstance(said, Delayed) else said
        message = await _message(connection, event, cause, actor, context, now)
        exchange, routing_key = EVENTS, event.type
        if isinstance(said, Delayed):
            until = now + said.delay
            routing_key = receiver(type(event))
            exchange, message = delays.route(message, until, said.delay.total_seconds())
        headers = message.headers()
        cursor = await connection.execute(
            "INSERT INTO outbox (id, exchange, routing_key, headers, body) VALUES (%s, %s, %s, %s, %s) RETURNING position",
            (message.id, exchange, routing_key, json.dumps(headers), message.body),
        )
        row = await cursor.fetchone()
        assert row is not None
        owed.append(Owed(row[0], UUID(message.id), exchange, routing_key, headers, message.body))
    return owed


async def _message(connection: Connection, event: Event, cause: Message, actor: str | None, context: str, now: datetime) -> Message:
    subject = event.subject_id
    sequence = None if subject is None else str(await _next(connection, subject))
    return new_message(
        event.type,
        f"/capsule/{context}",
        event.model_dump_json(by_alias=True).encode(),
        now,
        str(new_id()),
        correlationid=cause.correlation,
        causation=cause.id,
        actor=actor,
        subject=subject,
        sequence=sequence,
        dataversion=str(event.version),
        **traced(cause.get("traceparent")),
    )


async def _next(connection: Connection, subject: str) -> int:
    """Numbers without gaps, in the order of commits: the row stays locked until this transaction ends."""
    cursor = await connection.execute(
        "INSERT INTO subjects AS s (subject, sequence) VALUES (%s, 1) ON CONFLICT (subject) DO UPDATE SET sequence = s.sequence + 1 RETURNING sequence",
        (subject,),
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


class Relay:
    """Publishes what was committed, in the background; `drain` waits until nothing is under way."""

    def __init__(self, bus: Bus, database: Database) -> None:
        self._bus = bus
        self._database = database
        self._queue: list[Owed] = []
        self._task: asyncio.Task[None] | None = None

    def hand_over(self, owed: Sequence[Owed]) -> None:
        self._queue.extend(owed)
        if self._queue and self._task is None:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._queue:
                batch, self._queue = self._queue[:BATCH], self._queue[BATCH:]
                await self._publish(batch)
        finally:
            self._task = None

    async def _publish(self, batch: Sequence[Owed]) -> int:
        """Publishes and deletes what was confirmed; answers how many. What is not stays in the outbox for the sweep."""
        results = await asyncio.gather(*(self._one(row) for row in batch), return_exceptions=True)
        confirmed = [row.position for row, result in zip(batch, results, strict=True) if result is None]
        for result in results:
            if isinstance(result, BusAway | Unroutable):
                _log.warning("an event stays in the outbox: %s", result)
            elif isinstance(result, BaseException):
                raise result
        if confirmed:
            try:
                async with self._database.transaction() as connection:
                    await connection.execute("DELETE FROM outbox WHERE position = ANY(%s)", (confirmed,))
            except DatabaseAway as error:
                _log.warning("published events are not marked and will be published again: %s", error)
        return len(confirmed)

    async def _one(self, row: Owed) -> None:
        delayed = row.exchange != EVENTS
        await self._bus.publish(row.exchange, row.routing_key, row.headers, row.body, mandatory=delayed)

    async def drain(self) -> None:
        while self._task is not None:
            await asyncio.wait([self._task])

    async def sweep(self) -> int:
        """Publishes what others left behind, oldest first; answers how many. Raises DatabaseAway."""
        swept = 0
        while True:
            async with self._database.transaction(read_only=True) as connection:
                cursor = await connection.execute(
                    "SELECT position, id, exchange, routing_key, headers, body FROM outbox"
                    f" WHERE created_at < now() - interval '{SWEEP_AFTER}' ORDER BY position LIMIT %s",
                    (BATCH,),
                )
                rows: list[Any] = await cursor.fetchall()
            confirmed = await self._publish([Owed(row[0], row[1], row[2], row[3], row[4], bytes(row[5])) for row in rows])
            swept += confirmed
            if len(rows) < BATCH or confirmed < len(rows):
                return swept
