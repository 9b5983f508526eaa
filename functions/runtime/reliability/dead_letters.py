"""What no retry could mend, kept in its context's own database until an operator decides: read it, mend it, replay it, discard it."""

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
from functions.runtime.storage.database import Connection, Database
from functions.wire.cloudevents import Message

NOT_KEPT = frozenset({"token", "replyto", "deadline", "due", "vouch"})
"""A caller's access token is never stored; nobody waits for the reply any more."""

NEW_LIFE = frozenset({"attempt", "redelivery"})
"""What a replayed message begins again."""


MOST_CAUSES = 50
"""That are told one by one; the rest is in the sum."""


def name_of(error: BaseException) -> str:
    return type(error).__name__


def stack_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-8000:]


async def store(connection: Connection, message: Message, function: str, error: str, detail: str, stack: str = "", caller: str | None = None) -> None:
    """Adds one letter; a message that died before for the same function is brought up to date and opened again."""
    headers = {name: value for name, value in message.headers().items() if name not in NOT_KEPT}
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
            detail[:4000],
            stack,
            message.attempt,
        ),
    )
    row = await cursor.fetchone()
    assert row is not None
    await record(connection, row[0], "died", None, f"{error}: {detail[:400]} (attempt {message.attempt})")


async def record(connection: Connection, letter: UUID, action: str, actor: str | None, detail: str = "") -> None:
    await connection.execute(
        "INSERT INTO dead_letter_actions (letter_id, action, actor, detail) VALUES (%s, %s, %s, %s)", (letter, action, actor, detail)
    )


@dataclass(frozen=True, slots=True)
class Letter:
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
    """Letters of one function with one class of error."""

    function: str
    error: str
    count: int
    oldest: datetime
    newest: datetime


@dataclass(frozen=True, slots=True)
class Which:
    """A selection; what is None does not select."""

    ids: Sequence[UUID] | None = None
    function: str | None = None
    error: str | None = None
    state: str | None = "open"

    def where(self) -> tuple[str, tuple[Any, ...]]:
        wanted: list[tuple[str, Any]] = [
            ("id = ANY(%s)", None if self.ids is None else list(self.ids)),
            ("function = %s", self.function),
            ("error = %s", self.error),
            ("state = %s", self.state),
        ]
        chosen = [(clause, value) for clause, value in wanted if value is not None]
        return " AND ".join(clause for clause, _ in chosen) or "true", tuple(value for _, value in chosen)


class DeadLetters:
    """A context's dead letters, within the open transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def causes(self, which: Which) -> list[Cause]:
        where, values = which.where()
        cursor = await self._database.connection.execute(
            f"SELECT function, error, count(*), min(died_at), max(died_at) FROM dead_letters WHERE {where} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
            values,
        )
        return [Cause(*row) for row in await cursor.fetchall()]

    async def page(self, which: Which, limit: int, lock: bool = False) -> list[Letter]:
        """The oldest first."""
        where, values = which.where()
        cursor = await self._database.connection.execute(
            "SELECT id, function, type, error, detail, attempts, state, died_at, headers, body, stack FROM dead_letters"
            f" WHERE {where} ORDER BY died_at, id LIMIT %s{' FOR UPDATE SKIP LOCKED' if lock else ''}",
            (*values, limit),
        )
        return [Letter(*row) for row in await cursor.fetchall()]

    async def history(self, letter: UUID) -> list[tuple[str, str | None, str, datetime]]:
        """(action, who, detail, when), the oldest first."""
        cursor = await self._database.connection.execute(
            "SELECT action, actor, detail, at FROM dead_letter_actions WHERE letter_id = %s ORDER BY id", (letter,)
        )
        return await cursor.fetchall()

    async def close(self, letter: Letter, state: str, actor: str) -> None:
        """`state`: replayed or discarded."""
        await self._database.connection.execute("UPDATE dead_letters SET state = %s WHERE id = %s", (state, letter.id))
        await record(self._database.connection, letter.id, state, actor)

    async def edit(self, letter: Letter, body: bytes, actor: str) -> None:
        await self._database.connection.execute("UPDATE dead_letters SET body = %s WHERE id = %s", (body, letter.id))
        await record(self._database.connection, letter.id, "edited", actor)


def counted(context: str, causes: Sequence[Cause], at: datetime) -> DeadLettersCounted:
    """What monitor is told of those that are open."""
    named = [DeadLetterCount(function=cause.function, error=cause.error, count=cause.count, oldest_at=cause.oldest) for cause in causes[:MOST_CAUSES]]
    oldest = min((cause.oldest for cause in causes), default=at)
    return DeadLettersCounted(context=context, open=sum(cause.count for cause in causes), oldest_at=oldest, causes=named, at=at)


def again(letter: Letter, body: bytes, sign: str) -> Readdressed:
    """The message as it was, for its function alone, vouched for by the context that verified who sent it."""
    headers = {name: value for name, value in letter.headers.items() if name not in NEW_LIFE}
    if letter.error == ordering.GAP:
        headers[ordering.OVERTAKES] = "yes"
    return Readdressed(letter.function, {**headers, "function": letter.function, "vouch": sign}, body)
