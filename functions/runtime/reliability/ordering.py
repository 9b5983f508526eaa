"""In which order a function applies the events of one subject; the database decides, by the number that each event carries.

Events are numbered by type and subject, without gaps, in the order of the commits that made them; a handler takes one type. By default an
event older than the one applied last is skipped. A handler that needs every event in turn declares `Order.STRICT`: an event that comes too
early is parked in the database and the dispatcher gets its 2xx; the missing one, when it has been applied, lets the next one go, in its own
transaction. What waits longer than the handler's patience goes to the dead letters, from where an operator may let it overtake.
"""

import json
from datetime import timedelta
from enum import Enum

from functions.kernel import Declaration, Order, Readdressed
from functions.runtime.storage.database import Connection
from functions.runtime.storage.session import Result, Statement
from functions.wire.cloudevents import Message

GAP = "MissingPredecessor"
"""The error of a dead letter that waited in vain for the event before it."""

OVERTAKES = "overtakes"
"""An operator's word, as an attribute of the message: apply it although the one before it is missing."""


class Turn(Enum):
    NOW = "now"
    EARLY = "early"
    OVER = "over"


def overtaking(declaration: Declaration, message: Message) -> Statement | None:
    """The statement that goes with the claim where an event is applied if it is newer than the last: it touches a row if so, and none for one that
    has been applied already. None where there is no such rule."""
    if not _is_numbered(declaration, message) or not (declaration.order is Order.NEWER or message.get(OVERTAKES)):
        return None
    return Statement(
        "INSERT INTO positions (function, subject, sequence) VALUES (%s, %s, %s)"
        " ON CONFLICT (function, subject) DO UPDATE SET sequence = excluded.sequence WHERE positions.sequence < excluded.sequence",
        (declaration.name, message.get("subject"), message.number("sequence")),
    )


async def take_turn(connection: Connection, declaration: Declaration, message: Message, overtaken: Result | None) -> Turn:
    """Whether it is this event's turn; if so, it is now the one applied last. `overtaken`: the result of `overtaking`."""
    if overtaken is not None:
        return Turn.NOW if overtaken.count == 1 else Turn.OVER
    if not _is_numbered(declaration, message):
        return Turn.NOW
    return await _strictly(connection, declaration.name, message.get("subject") or "", message.number("sequence"))


def _is_numbered(declaration: Declaration, message: Message) -> bool:
    return declaration.order is not Order.ANY and bool(message.get("subject")) and message.number("sequence") > 0


async def _strictly(connection: Connection, function: str, subject: str, sequence: int) -> Turn:
    """The update waits for whoever is applying the event before, and then finds its number."""
    await connection.execute("INSERT INTO positions (function, subject, sequence) VALUES (%s, %s, 0) ON CONFLICT DO NOTHING", (function, subject))
    cursor = await connection.execute(
        "UPDATE positions SET sequence = %s WHERE function = %s AND subject = %s AND sequence = %s", (sequence, function, subject, sequence - 1)
    )
    if cursor.rowcount == 1:
        return Turn.NOW
    cursor = await connection.execute("SELECT sequence FROM positions WHERE function = %s AND subject = %s", (function, subject))
    row = await cursor.fetchone()
    assert row is not None
    return Turn.EARLY if row[0] < sequence else Turn.OVER


async def park(connection: Connection, declaration: Declaration, message: Message) -> None:
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
            timedelta(seconds=declaration.patience),
        ),
    )


async def next_parked(connection: Connection, declaration: Declaration, message: Message) -> list[Readdressed]:
    """The event whose turn has come with this one, if it is parked: taken out, to be sent to this function again."""
    if declaration.order is not Order.STRICT or not message.get("subject"):
        return []
    cursor = await connection.execute(
        "DELETE FROM parked WHERE function = %s AND subject = %s AND sequence = %s RETURNING headers, body",
        (declaration.name, message.get("subject"), message.number("sequence") + 1),
    )
    return [Readdressed(declaration.name, {**row[0], "function": declaration.name}, bytes(row[1])) for row in await cursor.fetchall()]


async def overdue(connection: Connection, limit: int) -> list[tuple[str, Message]]:
    """(function, event) of those that have waited too long: taken out, for the dead letters."""
    cursor = await connection.execute(
        """
        DELETE FROM parked WHERE (function, subject, sequence) IN (
            SELECT function, subject, sequence FROM parked WHERE until < now() ORDER BY sequence LIMIT %s FOR UPDATE SKIP LOCKED
        ) RETURNING function, headers, body
        """,
        (limit,),
    )
    return [(row[0], Message.from_headers(row[1], bytes(row[2]))) for row in await cursor.fetchall()]
