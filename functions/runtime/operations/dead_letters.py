"""List dead letters by cause and one by one."""

import base64
import json
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from functions.kernel import ADMIN, Form, Model, Scale, Text, query
from functions.runtime.reliability import dead_letters as store
from functions.runtime.reliability.dead_letters import DeadLetters, Selection


class ListDeadLetters(Model):
    """`id`: show one letter with payload, headers, stack and history."""

    id: UUID | None = None
    function: Text | None = None
    error: Text | None = None
    state: Annotated[str, Form("^(open|replayed|discarded)$", "open, replayed or discarded")] = "open"
    limit: int = Field(default=50, ge=1, le=200)


class DeadLetterCauseView(Model):
    function: str
    error: str
    count: int
    oldest: datetime
    newest: datetime


class DeadLetterActionView(Model):
    action: str
    actor: str | None
    detail: str
    at: datetime


class DeadLetterView(Model):
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
    history: list[DeadLetterActionView] | None = None


class DeadLettersView(Model):
    causes: list[DeadLetterCauseView]
    letters: list[DeadLetterView]


@query(http="GET /v1/operations/{context}/dead-letters", allow=ADMIN, scale=Scale(max=1, concurrency=4, pool=1))
async def dead_letters(request: ListDeadLetters, letters: DeadLetters) -> DeadLettersView:
    if request.id is not None:
        found = await letters.select(Selection(ids=[request.id], state=None), 1)
        return DeadLettersView(causes=[], letters=[await _full_view(letter, letters) for letter in found])
    selection = Selection(function=request.function, error=request.error, state=request.state)
    causes = [
        DeadLetterCauseView(**{name: getattr(cause, name) for name in DeadLetterCauseView.model_fields}) for cause in await letters.causes(selection)
    ]
    return DeadLettersView(causes=causes, letters=[_view(letter) for letter in await letters.select(selection, request.limit)])


def _view(letter: store.DeadLetter) -> DeadLetterView:
    return DeadLetterView(
        id=letter.id,
        function=letter.function,
        type=letter.type,
        error=letter.error,
        detail=letter.detail,
        attempts=letter.attempts,
        state=letter.state,
        died_at=letter.died_at,
    )


async def _full_view(letter: store.DeadLetter, letters: DeadLetters) -> DeadLetterView:
    history = [DeadLetterActionView(action=row[0], actor=row[1], detail=row[2], at=row[3]) for row in await letters.history(letter.id)]
    return _view(letter).model_copy(
        update={"payload": payload_of(letter.body), "headers": dict(letter.headers), "stack": letter.stack, "history": history}
    )


def payload_of(body: bytes) -> Any:
    """Return the body as JSON, or as base64 if it is not JSON."""
    try:
        return json.loads(body)
    except ValueError:
        return {"base64": base64.b64encode(body).decode()}
