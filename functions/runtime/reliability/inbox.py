"""Each message is recorded once by each function: the row is claimed first, in the transaction that does the work.

Looking first and inserting last would let two workers with the same message both work, and the slower one would tell the user that the name
he has just been given is taken. The claim makes the second wait for the first: it then finds the reply and sends it again.
"""

from dataclasses import dataclass

from functions.runtime.storage.database import Connection
from functions.runtime.storage.session import Result, Statement
from functions.wire.cloudevents import Message


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the first worker has stored. `reply` is None for an answer that must not be kept."""

    outcome: str | None
    status: int | None
    reply: bytes | None
    fingerprint: bytes


async def claim(connection: Connection, message: Message, function: str, *then: Statement) -> tuple[Recorded | None, list[Result]]:
    """None: the message is ours, in this transaction. Otherwise what has been recorded of it. And the results of the statements that go along: they
    are executed in either case.

    If another worker holds it for longer than a transaction waits for locks, the transaction ends (`database.Locked`) and the message is delayed.
    """
    claiming = Statement(
        "INSERT INTO inbox (source, id, function, body_hash) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (message.source, message.id, function, message.fingerprint),
    )
    claimed, *others = await connection.flush(claiming, *then)
    if claimed.count == 1:
        return None, others
    found = await recorded(connection, message, function)
    if found is None:
        raise RuntimeError(f"message {message.id} is neither claimed nor recorded")
    return found, others


async def recorded(connection: Connection, message: Message, function: str) -> Recorded | None:
    looking = Statement(
        "SELECT outcome, status, reply, body_hash FROM inbox WHERE source = %s AND id = %s AND function = %s",
        (message.source, message.id, function),
    )
    [found] = await connection.flush(looking)
    return Recorded(*found.rows[0]) if found.rows else None


def keep_reply(connection: Connection, message: Message, function: str, outcome: str, status: int, reply: bytes | None) -> None:
    """With the commit."""
    connection.later(
        "UPDATE inbox SET outcome = %s, status = %s, reply = %s WHERE source = %s AND id = %s AND function = %s",
        (outcome, status, reply, message.source, message.id, function),
    )


async def disclaim(connection: Connection, message: Message, function: str) -> None:
    """Gives the claim back, in the transaction that made it: the message is not handled yet, and will come again."""
    await connection.execute("DELETE FROM inbox WHERE source = %s AND id = %s AND function = %s", (message.source, message.id, function))
