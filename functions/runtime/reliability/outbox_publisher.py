"""Publishes committed events and deletes their rows after RabbitMQ has confirmed them.

A function settles its message only after its events are confirmed. A process that dies in between receives the message again,
finds it claimed and publishes what is left (`flush_caused_by`). `sweep` publishes rows that a process left behind for good.
Records for the audit log wait a moment for others and travel together; no message waits for them. Deletions travel together
too: a process that dies before leaves rows that are published again, and receivers know the messages by their ids.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from functions.runtime.messaging.bus import AccessRefused, BrokerUnavailable, Bus, Unroutable
from functions.runtime.messaging.exchanges import EVENTS
from functions.runtime.reliability import audit
from functions.runtime.reliability.outbox import OutboxRow
from functions.runtime.storage.database import Database
from functions.runtime.storage.failures import DatabaseUnavailable
from functions.wire.cloudevents import Message
from functions.wire.tracing import Tracer, with_context

_log = logging.getLogger("capsule.outbox")

SWEEP_AFTER_SECONDS = 5
"""Younger rows are published by the process that wrote them."""

BATCH = 200

AUDIT_DELAY_SECONDS = 0.5
"""How long records for the audit log wait for others of the process. Less than SWEEP_AFTER_SECONDS."""

DELETE_DELAY_SECONDS = 0.2
"""How long published rows stay for others to be deleted with. Much less than SWEEP_AFTER_SECONDS."""


class OutboxPublisher:
    """`flush` returns when the rows are confirmed or will be retried: by this process, by the next one that receives the
    message which caused them, or by the next process of the context."""

    def __init__(self, bus: Bus, database: Database, tracer: Tracer) -> None:
        self._bus = bus
        self._tracer = tracer
        self._database = database
        self._records: list[OutboxRow] = []
        self._recording: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._confirmed: set[int] = set()
        """Positions of rows that RabbitMQ has confirmed, until they are deleted."""
        self._deleting: asyncio.Task[None] | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._sweep_at = 0.0
        """On the loop's clock: when rows of the last call of `sweep_soon` are old enough for a sweep."""
        self._refused: set[int] = set()
        """Positions of rows that RabbitMQ refuses from this user. They stay for the next process: each attempt closes the channel."""

    async def flush(self, rows: Sequence[OutboxRow]) -> None:
        """Publish rows and return when each is confirmed or left to the sweep. Does not wait for records of the audit log."""
        if records := [row for row in rows if audit.is_record(row)]:
            self._collect_records(records)
            rows = [row for row in rows if not audit.is_record(row)]
        if rows and await self._publish(rows) < len(rows):
            self.sweep_soon()

    def _collect_records(self, rows: Sequence[OutboxRow]) -> None:
        self._records.extend(rows)
        if self._records and self._recording is None:
            self._recording = asyncio.create_task(self._publish_records_later())

    async def _publish_records_later(self) -> None:
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), AUDIT_DELAY_SECONDS)
            while self._records:
                batch, self._records = self._records[:BATCH], self._records[BATCH:]
                if await self._publish(batch) < len(batch):
                    self.sweep_soon()
        finally:
            self._recording = None

    def sweep_soon(self) -> None:
        """Sweep in the background, again and again until it succeeds. If a sweep is due before rows of now are old enough, another follows."""
        self._sweep_at = asyncio.get_running_loop().time() + SWEEP_AFTER_SECONDS + 1
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.create_task(self._sweep_until_done())

    async def _sweep_until_done(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_at = self._sweep_at
            await asyncio.sleep(due_at - loop.time())
            try:
                await self.sweep()
            except (DatabaseUnavailable, BrokerUnavailable) as error:
                _log.warning("the outbox cannot be swept yet: %s", error)
                self._sweep_at = loop.time() + SWEEP_AFTER_SECONDS + 1
            if self._sweep_at == due_at:
                return

    async def _publish(self, batch: Sequence[OutboxRow]) -> int:
        """Publish rows and return the number of those that were confirmed: they are deleted soon. The others stay for the sweep."""
        if records := [row for row in batch if audit.is_record(row)]:
            events = [row for row in batch if not audit.is_record(row)]
            results, batch = await self._send(events, records), [*events, *records]
        else:
            results = await self._send(batch, ())
        confirmed = [row.position for row, result in zip(batch, results, strict=True) if result is None]
        for row, result in zip(batch, results, strict=True):
            if isinstance(result, AccessRefused):
                self._refused.add(row.position)
                _log.error("message %s stays in the outbox until the next start: %s", row.id, result)
            elif isinstance(result, BrokerUnavailable | Unroutable):
                _log.warning("message %s stays in the outbox: %s", row.id, result)
            elif result is not None:
                _log.error("message %s stays in the outbox: %r", row.id, result)
        if confirmed:
            self._confirmed.update(confirmed)
            if self._deleting is None:
                self._deleting = asyncio.create_task(self._delete_confirmed())
        return len(confirmed)

    async def _delete_confirmed(self) -> None:
        """Delete rows that were published, together with those that follow within DELETE_DELAY_SECONDS."""
        try:
            while self._confirmed:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), DELETE_DELAY_SECONDS)
                deleted = list(self._confirmed)
                await self._database.execute_async_commit("DELETE FROM outbox WHERE position = ANY(%s)", (deleted,))
                self._confirmed.difference_update(deleted)
        except DatabaseUnavailable as error:
            _log.warning("published events could not be deleted from the outbox and will be published again: %s", error)
            self._confirmed.clear()
            self.sweep_soon()
        finally:
            self._deleting = None

    async def _send(self, events: Sequence[OutboxRow], records: Sequence[OutboxRow]) -> list[Exception | None]:
        """Publish each event, and records together. Returns a result for each row: None if RabbitMQ has confirmed it."""
        if len(events) == 1 and not records:
            return [await self._try(events[0])]
        groups = audit.groups(records)
        messages = [*events, *map(audit.combine, groups)]
        results = [await self._try(messages[0])] if len(messages) == 1 else await asyncio.gather(*(self._try(row) for row in messages))
        of_groups = zip(groups, results[len(events) :], strict=True)
        return [*results[: len(events)], *(result for group, result in of_groups for _ in group)]

    async def _try(self, row: OutboxRow) -> Exception | None:
        try:
            await self._publish_row(row)
        except Exception as error:  # noqa: BLE001  the transaction is committed: nothing that happens now fails its message
            return error
        return None

    async def _publish_row(self, row: OutboxRow) -> None:
        if audit.is_record(row):
            await self._bus.publish(row.exchange, row.routing_key, row.headers, row.body, mandatory=True)
            return
        span, error = self._tracer.start_send(row.headers["type"], row.headers), "not confirmed"
        try:
            has_receiver = row.exchange != EVENTS  # without a queue, RabbitMQ confirms events and drops them
            await self._bus.publish(row.exchange, row.routing_key, with_context(row.headers, span), row.body, mandatory=has_receiver)
            error = ""
        finally:
            span.end({}, error)

    async def close(self) -> None:
        """Wait for records and deletions. Retries are left to the next process."""
        self._closing.set()
        for task in (self._recording, self._deleting):
            if task is not None:
                await asyncio.wait([task])
        if self._sweeping is not None:
            self._sweeping.cancel()

    async def sweep(self) -> int:
        """Publish rows that other processes left behind, oldest first, and return their number.

        A row that cannot be published does not block those behind it. Published rows are deleted when it returns.
        Raises DatabaseUnavailable, and BrokerUnavailable if rows are left.
        """
        swept = left = after = 0
        is_old = f"(created_at < now() - interval '{SWEEP_AFTER_SECONDS} seconds' OR created_at > now())"  # the clock may have been set back
        while rows := await self._read(f"position > %s AND {is_old} AND NOT position = ANY(%s)", after, [*self._refused, *self._confirmed]):
            refused_before = len(self._refused)
            confirmed = await self._publish(rows)
            swept += confirmed
            if len(self._refused) > refused_before:
                continue  # a refusal closes the channel under the other rows too: publish them again without it
            left, after = left + len(rows) - confirmed, rows[-1].position
            if left and not self._bus.connected:
                break
        if self._deleting is not None:
            await asyncio.wait([self._deleting])
        if left:
            raise BrokerUnavailable(f"{left} events were not confirmed")
        return swept

    async def flush_caused_by(self, message: Message) -> None:
        """Publish the events of a message if its first worker died between its commit and its publishing.

        Its record for the audit log may be in a row with those of others: that is left to the sweep.
        """
        rows = await self._read("headers->>'causation' = %s", message.id)
        await self.flush([row for row in rows if row.position not in self._confirmed])
        self.sweep_soon()

    async def _read(self, condition: str, *parameters: str | int | list[int]) -> list[OutboxRow]:
        async with self._database.transaction(read_only=True) as connection:
            cursor = await connection.execute(
                f"SELECT position, id, exchange, routing_key, headers, body FROM outbox WHERE {condition} ORDER BY position LIMIT {BATCH}", parameters
            )
            rows = await cursor.fetchall()
        return [OutboxRow(row[0], str(row[1]), row[2], row[3], row[4], bytes(row[5])) for row in rows]
