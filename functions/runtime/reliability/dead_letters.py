"""Dead letters: messages that no retry repairs, in their context's database until an operator replays or discards them."""

import json
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from events.platform import DeadLetterCount, DeadLettersCounted
from functions.kernel import Readdressed, new_id
from functions.runtime.reliability import ordering
from functions.runtime.security.replay_signing import SIGNATURE_ATTRIBUTE
from functions.runtime.storage.database import Connection, Database
from functions.wire.cloudevents import Message

NOT_STORED = frozenset({"token", "replyto", "deadline", "due", SIGNATURE_ATTRIBUTE})
"""Headers that are dropped: a caller's access token is never stored, and the caller no longer waits for a reply."""

RESET_BY_REPLAY = frozenset({"attempt", "redelivery"})

MAX_REPORTED_CAUSES = 50
"""Causes that `DeadLettersCounted` lists; the total includes the rest."""
MAX_DETAIL_LENGTH, MAX_STACK_LENGTH, MAX_ACTION_DETAIL_LENGTH = 4000, 8000, 400


def error_name(error: BaseException) -> str:
    return type(error).__name__


def stack_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-MAX_STACK_LENGTH:]


async def store(connection: Connection, message: Message, function: str, error: str, detail: str, stack: str = "", caller: str | None = None) -> None:
    """Store a dead letter. One of the same message and function is updated and opened again. `error`: by which letters are grouped."""
    headers = {name: value for name, value in message.headers().items() if name not in NOT_STORED}
    if caller is not None:
        headers["actor"] = caller
    cursor = await connection.execute(
        """
        INSERT INTO dead_letters (id, function, source, message_id, type, headers, body, error, detail, stack, attempts)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (source, message_id, function) DO UPDATE SET error = excluded.error, detail = excluded.detail, stack = excluded.stack,
            attempts = dead_letters.attempts + excluded.attempts, state = 'open', died_at = now()
        RETURNING id
        """,
        (
            new_id(),
            function,
            message.source,
            message.id,
            message.type,
            json.dumps(headers),
            message.body,
            error,
            detail[:MAX_DETAIL_LENGTH],
            stack,
            message.attempt,
        ),
    )
    row = await cursor.fetchone()
    assert row is not None
    await record_action(connection, row[0], "died", None, f"{error}: {detail[:MAX_ACTION_DETAIL_LENGTH]} (attempt {message.attempt})")


async def record_action(connection: Connection, letter_id: UUID, action: str, actor: str | None, detail: str = "") -> None:
    """Add a line to a letter's history. `action`: died, edited, replayed or discarded."""
    await connection.execute(
        "INSERT INTO dead_letter_actions (letter_id, action, actor, detail) VALUES (%s, %s, %s, %s)", (letter_id, action, actor, detail)
    )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`state`: open, replayed or discarded."""

    id: UUID
    function: str
    type: str
    error: str
    detail: str
    attempts: int
    state: str
    died_at: datetime
    headers: Mapping[str, str]
    body: bytes
    stack: str


@dataclass(frozen=True, slots=True)
class Cause:
    """The letters of one function with one error."""

    function: str
    error: str
    count: int
    oldest: datetime
    newest: datetime


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters. A field that is None does not restrict."""

    ids: Sequence[UUID] | None = None
    function: str | None = None
    error: str | None = None
    state: str | None = "open"

    def condition(self) -> tuple[str, tuple[Any, ...]]:
        """Return a SQL condition and its parameters."""
        clauses: list[tuple[str, Any]] = [
            ("id = ANY(%s)", None if self.ids is None else list(self.ids)),
            ("function = %s", self.function),
            ("error = %s", self.error),
            ("state = %s", self.state),
        ]
        used = [(clause, value) for clause, value in clauses if value is not None]
        return " AND ".join(clause for clause, _ in used) or "true", tuple(value for _, value in used)


class DeadLetters:
    """A context's dead letters, within the open transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def causes(self, selection: Selection) -> list[Cause]:
        """Return the selected letters grouped by cause, the most frequent first."""
        condition, values = selection.condition()
        cursor = await self._database.connection.execute(
            f"SELECT function, error, count(*), min(died_at), max(died_at) FROM dead_letters WHERE {condition} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
            values,
        )
        return [Cause(*row) for row in await cursor.fetchall()]

    async def select(self, selection: Selection, limit: int, lock: bool = False) -> list[DeadLetter]:
        """Return the selected letters, the oldest first. `lock`: lock them until the transaction ends, and skip locked ones."""
        condition, values = selection.condition()
        cursor = await self._database.connection.execute(
            "SELECT id, function, type, error, detail, attempts, state, died_at, headers, body, stack FROM dead_letters"
            f" WHERE {condition} ORDER BY died_at, id LIMIT %s{' FOR UPDATE SKIP LOCKED' if lock else ''}",
            (*values, limit),
        )
        return [DeadLetter(*row) for row in await cursor.fetchall()]

    async def history(self, letter_id: UUID) -> Sequence[tuple[str, str | None, str, datetime]]:
        """Return (action, actor, detail, time), the oldest first."""
        cursor = await self._database.connection.execute(
            "SELECT action, actor, detail, at FROM dead_letter_actions WHERE letter_id = %s ORDER BY id", (letter_id,)
        )
        return await cursor.fetchall()

    async def close(self, letter: DeadLetter, state: str, actor: str) -> None:
        """Set the state to replayed or discarded."""
        await self._database.connection.execute("UPDATE dead_letters SET state = %s WHERE id = %s", (state, letter.id))
        await record_action(self._database.connection, letter.id, state, actor)

    async def edit(self, letter: DeadLetter, body: bytes, actor: str) -> None:
        """Replace the body."""
        await self._database.connection.execute("UPDATE dead_letters SET body = %s WHERE id = %s", (body, letter.id))
        await record_action(self._database.connection, letter.id, "edited", actor)


def counted_event(context: str, causes: Sequence[Cause], at: datetime) -> DeadLettersCounted:
    """Return the event that reports open letters to monitor."""
    reported = [
        DeadLetterCount(function=cause.function, error=cause.error, count=cause.count, oldest_at=cause.oldest)
        for cause in causes[:MAX_REPORTED_CAUSES]
    ]
    oldest = min((cause.oldest for cause in causes), default=at)
    return DeadLettersCounted(context=context, open=sum(cause.count for cause in causes), oldest_at=oldest, causes=reported, at=at)


def replay(letter: DeadLetter, body: bytes, signature: str) -> Readdressed:
    """Return the original message for its function alone. `signature`: of `security.replay_signing`, in place of the caller's access token."""
    headers = {name: value for name, value in letter.headers.items() if name not in RESET_BY_REPLAY}
    if letter.error == ordering.GAP:
        headers[ordering.OVERTAKES] = "yes"
    return Readdressed(letter.function, {**headers, "function": letter.function, SIGNATURE_ATTRIBUTE: signature}, body)
