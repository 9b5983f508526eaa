"""An operator reads what no retry could mend: by cause, and letter by letter."""

import base64
import json
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from functions.kernel import ADMIN, Model, Scale, query
from functions.runtime.reliability.dead_letters import DeadLetters, Letter, Which


class DeadLettersAsked(Model):
    """One `id` shows that letter whole: payload, headers, stack and history."""

    id: UUID | None = None
    function: str | None = None
    error: str | None = None
    state: str = Field(default="open", pattern="^(open|replayed|discarded)$")
    limit: int = Field(default=50, ge=1, le=200)


class DeadLetterCause(Model):
    function: str
    error: str
    count: int
    oldest: datetime
    newest: datetime


class DeadLetterAction(Model):
    action: str
    actor: str | None
    detail: str
    at: datetime


class DeadLetter(Model):
    id: UUID
    function: str
    type: str
    error: str
    detail: str
    attempts: int
    state: str
    died_at: datetime
    payload: Any = None
    headers: dict[str, str] | None = None
    stack: str | None = None
    history: list[DeadLetterAction] | None = None


class DeadLetterPage(Model):
    causes: list[DeadLetterCause]
    letters: list[DeadLetter]


@query(http="GET /v1/operations/{context}/dead-letters", allow=ADMIN, scale=Scale(max=1, concurrency=4, pool=1))
async def dead_letters(asked: DeadLettersAsked, letters: DeadLetters) -> DeadLetterPage:
    if asked.id is not None:
        which = Which(ids=[asked.id], state=None)
        found = await letters.page(which, 1)
        return DeadLetterPage(causes=[], letters=[await _whole(letter, letters) for letter in found])
    which = Which(function=asked.function, error=asked.error, state=asked.state)
    causes = [DeadLetterCause(**{name: getattr(cause, name) for name in DeadLetterCause.model_fields}) for cause in await letters.causes(which)]
    return DeadLetterPage(causes=causes, letters=[_brief(letter) for letter in await letters.page(which, asked.limit)])


def _brief(letter: Letter) -> DeadLetter:
    return DeadLetter(
        id=letter.id,
        function=letter.function,
        type=letter.type,
        error=letter.error,
        detail=letter.detail,
        attempts=letter.attempts,
        state=letter.state,
        died_at=letter.died_at,
    )


async def _whole(letter: Letter, letters: DeadLetters) -> DeadLetter:
    history = [DeadLetterAction(action=row[0], actor=row[1], detail=row[2], at=row[3]) for row in await letters.history(letter.id)]
    return _brief(letter).model_copy(
        update={"payload": payload_of(letter.body), "headers": dict(letter.headers), "stack": letter.stack, "history": history}
    )


def payload_of(body: bytes) -> Any:
    """The JSON it is, or how it reads if it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return {"base64": base64.b64encode(body).decode()}
