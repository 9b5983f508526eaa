"""The order in which a function applies the events of one subject. The database decides, by the number of each event.

Events are numbered by type and subject, without gaps, in the order of commits; a handler receives one type. By default an
event older than the last applied one is skipped. A handler with `Order.STRICT` needs every event: an early one is parked in
the database and its message is settled; its predecessor, once applied, releases it. An event that was parked for longer than
the handler's `max_wait_seconds` becomes a dead letter, which an operator may apply out of order.
"""

import json
from collections.abc import Iterable
from datetime import timedelta
from enum import Enum

import orjson

from functions.kernel import Declaration, Order, Readdressed
from functions.runtime.storage.database import Connection
from functions.runtime.storage.session import Result, Statement
from functions.wire.cloudevents import Message

GAP = "MissingPredecessor"
"""The error of a dead letter whose predecessor did not arrive."""

OVERTAKES = "overtakes"
"""Message attribute of a dead letter that an operator replays although its predecessor is missing."""


class Sequence(Enum):
    IN_ORDER = "in-order"
    GAP = "gap"
    STALE = "stale"


def advance_if_newer(declaration: Declaration, message: Message) -> Statement | None:
    """Return the statement that travels with the claim for `Order.NEWER`; None where that rule does not apply.

    It affects one row if the event is newer than the last applied one, and none otherwise.
    """
    if not _is_ordered(declaration, message):
        return None
    return Statement(
        "INSERT INTO positions (function, subject, sequence) VALUES (%s, %s, %s)"
        " ON CONFLICT (function, subject) DO UPDATE SET sequence = excluded.sequence WHERE positions.sequence < excluded.sequence",
        (declaration.name, message.get("subject"), message.number("sequence")),
    )


ADVANCE_ALL = "SELECT function, subject FROM advance_positions(%s)"


def subject_of(declaration: Declaration, message: Message) -> tuple[str, str] | None:
    """Return (function, subject) of an event that `advance_if_newer` orders; None for any other message."""
    subject = message.get("subject")
    return None if subject is None or not _is_ordered(declaration, message) else (declaration.name, subject)


def advance_all(events: Iterable[tuple[str, str, int]]) -> Statement:
    """Return the statement that does as `advance_if_newer` for many events: (function, subject, number), no subject twice for a function.

    Its rows are (function, subject) of those that are newer than the last applied one.
    """
    rows = [{"function": function, "subject": subject, "sequence": number} for function, subject, number in events]
    return Statement(ADVANCE_ALL, (orjson.dumps(rows).decode(),))


async def advance_sequence(connection: Connection, declaration: Declaration, message: Message, advanced: Result | None) -> Sequence:
    """Record the event as the last applied one if it is in order. `advanced`: the result of `advance_if_newer`."""
    if advanced is not None:
        return Sequence.IN_ORDER if advanced.count == 1 else Sequence.STALE
    if not _is_numbered(declaration, message):
        return Sequence.IN_ORDER
    return await _advance_strictly(connection, declaration.name, message.get("subject") or "", message.number("sequence"))


def _is_numbered(declaration: Declaration, message: Message) -> bool:
    return declaration.order is not Order.ANY and bool(message.get("subject")) and message.number("sequence") > 0


def _is_ordered(declaration: Declaration, message: Message) -> bool:
    """Whether the event is skipped if a newer one was applied."""
    return _is_numbered(declaration, message) and (declaration.order is Order.NEWER or bool(message.get(OVERTAKES)))


async def _advance_strictly(connection: Connection, function: str, subject: str, sequence: int) -> Sequence:
    """The update waits for a transaction that applies the predecessor, and then sees its number."""
    await connection.execute("INSERT INTO positions (function, subject, sequence) VALUES (%s, %s, 0) ON CONFLICT DO NOTHING", (function, subject))
    cursor = await connection.execute(
        "UPDATE positions SET sequence = %s WHERE function = %s AND subject = %s AND sequence = %s", (sequence, function, subject, sequence - 1)
    )
    if cursor.rowcount == 1:
        return Sequence.IN_ORDER
    cursor = await connection.execute("SELECT sequence FROM positions WHERE function = %s AND subject = %s", (function, subject))
    row = await cursor.fetchone()
    assert row is not None
    return Sequence.GAP if row[0] < sequence else Sequence.STALE


async def park(connection: Connection, declaration: Declaration, message: Message) -> None:
    """Store an early event until its predecessor is applied. Idempotent."""
    await connection.execute(
        """
        INSERT INTO parked (function, subject, sequence, headers, body, until) VALUES (%s, %s, %s, %s, %s, now() + %s)
        ON CONFLICT DO NOTHING
        """,
        (
            declaration.name,
            message.get("subject"),
            message.number("sequence"),
            json.dumps(message.headers()),
            message.body,
            timedelta(seconds=declaration.max_wait_seconds),
        ),
    )


async def release_successor(connection: Connection, declaration: Declaration, message: Message) -> list[Readdressed]:
    """Delete and return the parked event that follows this one, to be sent to this function again."""
    if declaration.order is not Order.STRICT or not message.get("subject"):
        return []
    cursor = await connection.execute(
        "DELETE FROM parked WHERE function = %s AND subject = %s AND sequence = %s RETURNING headers, body",
        (declaration.name, message.get("subject"), message.number("sequence") + 1),
    )
    return [Readdressed(declaration.name, {**row[0], "function": declaration.name}, bytes(row[1])) for row in await cursor.fetchall()]


async def remove_overdue(connection: Connection, limit: int) -> list[tuple[str, Message]]:
    """Delete and return (function, event) of events that were parked for too long."""
    cursor = await connection.execute(
        """
        DELETE FROM parked WHERE (function, subject, sequence) IN (
            SELECT function, subject, sequence FROM parked WHERE until < now() ORDER BY sequence LIMIT %s FOR UPDATE SKIP LOCKED
        ) RETURNING function, headers, body
        """,
        (limit,),
    )
    return [(row[0], Message.from_headers(row[1], bytes(row[2]))) for row in await cursor.fetchall()]
