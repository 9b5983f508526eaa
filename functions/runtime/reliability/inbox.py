"""The inbox: each function records each message once, in the transaction that does the work.

The row is claimed first. Reading first and inserting last would let two workers do the work of the same message. The claim
makes the second worker wait for the first; it then finds the stored reply and sends it again.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from functions.runtime.storage.database import Connection
from functions.runtime.storage.session import Result, Statement
from functions.wire.cloudevents import Message


@dataclass(frozen=True, slots=True)
class InboxRow:
    """What the first worker stored. `reply`: None for a response that must not be stored."""

    outcome: str | None
    status: int | None
    reply: bytes | None
    fingerprint: bytes


async def claim(connection: Connection, message: Message, function: str, *also: Statement) -> tuple[InboxRow | None, list[Result]]:
    """Claim a message in the open transaction. Returns None, or the row of the worker that recorded it before.

    `also`: statements that travel along and are executed in either case; their results are returned too. If another worker holds
    the claim for longer than LOCK_TIMEOUT the transaction fails with `Locked` and the message is retried.
    """
    inserted, *results = await connection.flush(claim_one(message, function), *also)
    if inserted.count == 1:
        return None, results
    row = await find(connection, message, function)
    if row is None:
        raise RuntimeError(f"message {message.id} is neither claimed nor recorded")
    return row, results


def claim_one(message: Message, function: str) -> Statement:
    """Return the statement that claims a message. It affects one row, or none if the message was recorded before."""
    return Statement(
        "INSERT INTO inbox (source, id, function, body_hash) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (message.source, message.id, function, message.fingerprint),
    )


async def find(connection: Connection, message: Message, function: str) -> InboxRow | None:
    """Return the committed row of a message, if there is one."""
    select = Statement(
        "SELECT outcome, status, reply, body_hash FROM inbox WHERE source = %s AND id = %s AND function = %s",
        (message.source, message.id, function),
    )
    [result] = await connection.flush(select)
    return InboxRow(*result.rows[0]) if result.rows else None


@dataclass(frozen=True, slots=True)
class Reply:
    """What is stored for a repeated command. `body`: None for a response that must not be stored."""

    message: Message
    function: str
    outcome: str
    status: int
    body: bytes | None


def queue_reply(connection: Connection, reply: Reply) -> None:
    """Store a reply with the commit."""
    connection.queue(
        "UPDATE inbox SET outcome = %s, status = %s, reply = %s WHERE source = %s AND id = %s AND function = %s",
        (reply.outcome, reply.status, reply.body, reply.message.source, reply.message.id, reply.function),
    )


CLAIM_ALL = "SELECT source, id, function FROM claim_messages(%s)"
"""In the order of the key, so that two transactions do not wait for each other. For the functions of batches see sql/shared/V0_5."""

REPLY_ALL = "SELECT store_replies(%s)"


Key = tuple[str, str, str]
"""(source, id, function)."""


def key_of(message: Message, function: str) -> Key:
    return message.source, message.id, function


def claim_all(claims: Iterable[tuple[Message, str, UUID | None]]) -> Statement:
    """Return the statement that claims many messages: (message, function, session of its caller).

    Its rows are the keys (`key_of`) of those that it has claimed: not recorded before, and their session has not ended.
    """
    rows = [
        {"source": message.source, "id": message.id, "function": function, "body_hash": message.fingerprint.hex(), "session_id": session_id}
        for message, function, session_id in claims
    ]
    return Statement(CLAIM_ALL, (orjson.dumps(rows).decode(),))


def queue_replies(connection: Connection, replies: Sequence[Reply]) -> None:
    """Store many replies with the commit."""
    if len(replies) == 1:
        queue_reply(connection, replies[0])
        return
    rows = [
        {
            "source": each.message.source, "id": each.message.id, "function": each.function, "outcome": each.outcome, "status": each.status,
            "reply": None if each.body is None else b64encode(each.body).decode(),
        }
        for each in replies
    ]  # fmt: skip
    if rows:
        connection.queue(REPLY_ALL, (orjson.dumps(rows).decode(),))


async def release_claim(connection: Connection, message: Message, function: str) -> None:
    """Delete the claim in the transaction that made it: the message is not handled yet and will arrive again."""
    await connection.execute("DELETE FROM inbox WHERE source = %s AND id = %s AND function = %s", (message.source, message.id, function))
