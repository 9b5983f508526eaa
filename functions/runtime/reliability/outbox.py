"""The outbox: events are written with the state they report.

Rows are inserted with the commit and published by `outbox_publisher`. Each event of a subject gets the subject's next number.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from functions.kernel import Delayed, Event, OutgoingMessage, Readdressed, new_id
from functions.runtime.messaging import delays
from functions.runtime.messaging.exchanges import EVENTS, REDELIVERY
from functions.runtime.storage.database import Connection
from functions.runtime.storage.session import QueuedStatement
from functions.wire.cloudevents import Message, new_message


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message that is committed and not published yet."""

    position: int
    id: str
    exchange: str
    routing_key: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class PendingMessage:
    """A message that is inserted into the outbox with the commit of the open transaction."""

    insert: QueuedStatement
    exchange: str
    routing_key: str
    headers: Mapping[str, str]
    body: bytes

    def committed_row(self) -> OutboxRow:
        """Return the row. Call it after the commit."""
        assert self.insert.result is not None, "the transaction is not committed"
        position, sequence = self.insert.result.rows[0]
        headers = self.headers if sequence is None else {**self.headers, "sequence": str(sequence)}
        return OutboxRow(position, self.headers["id"], self.exchange, self.routing_key, headers, self.body)


@dataclass(frozen=True, slots=True)
class EventRouting:
    """`check_declared` raises for an event that the context does not declare: RabbitMQ would refuse it after the commit.

    `handler_of` returns the function of the context that handles an event which the context sends to itself.
    """

    context: str
    handler_of: Callable[[type[Event]], str]
    check_declared: Callable[[type[Event]], None]


def enqueue_events(
    connection: Connection, events: Sequence[OutgoingMessage], cause: Message, actor: str | None, routing: EventRouting, now: datetime
) -> list[PendingMessage]:
    """Insert events with the commit of the open transaction. `cause`: the message whose handling publishes them."""
    pending = []
    for outgoing in events:
        if isinstance(outgoing, Readdressed):
            headers = {**outgoing.headers, "causation": cause.id}
            pending.append(_queue_insert(connection, REDELIVERY, outgoing.function, headers, outgoing.body))
            continue
        event = outgoing.event if isinstance(outgoing, Delayed) else outgoing
        message = _event_message(event, cause, actor, routing.context, now)
        exchange, routing_key = EVENTS, event.type
        if isinstance(outgoing, Delayed):
            routing_key = routing.handler_of(type(event))
            exchange, message = delays.route(message, now + outgoing.delay, outgoing.delay.total_seconds())
        else:
            routing.check_declared(type(event))
        subject = None if event.subject_id is None else f"{event.type}/{event.subject_id}"
        pending.append(_queue_insert(connection, exchange, routing_key, message.headers(), message.body, subject))
    return pending


def enqueue(connection: Connection, exchange: str, routing_key: str, message: Message) -> PendingMessage:
    """Insert a message, unchanged, with the commit of the open transaction."""
    return _queue_insert(connection, exchange, routing_key, message.headers(), message.body)


INSERT = "INSERT INTO outbox (id, exchange, routing_key, headers, body) VALUES (%s, %s, %s, %s, %s) RETURNING position, NULL"

INSERT_NUMBERED = """
WITH numbered AS (
    INSERT INTO subjects AS s (subject, sequence) VALUES (%s, 1)
    ON CONFLICT (subject) DO UPDATE SET sequence = s.sequence + 1 RETURNING sequence
)
INSERT INTO outbox (id, exchange, routing_key, headers, body)
SELECT %s, %s, %s, %s::jsonb || jsonb_build_object('sequence', sequence::text), %s FROM numbered
RETURNING position, headers->>'sequence'
"""
"""Numbers have no gaps and follow the order of commits: the subject's row stays locked until this transaction ends."""


def _queue_insert(
    connection: Connection, exchange: str, routing_key: str, headers: Mapping[str, str], body: bytes, subject: str | None = None
) -> PendingMessage:
    values = (headers["id"], exchange, routing_key, json.dumps(headers), body)
    insert = connection.queue(INSERT, values) if subject is None else connection.queue(INSERT_NUMBERED, (subject, *values))
    return PendingMessage(insert, exchange, routing_key, headers, body)


def _event_message(event: Event, cause: Message, actor: str | None, context: str, now: datetime) -> Message:
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
        tracestate=cause.get("tracestate"),
    )
