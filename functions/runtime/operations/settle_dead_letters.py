"""Replay or discard dead letters."""

import json
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from events.platform import AuditRecorded, DeadLettersCounted
from functions.kernel import ADMIN, Caller, Clock, Done, Invalid, Model, NotFound, Scale, Text, command
from functions.runtime.reliability.dead_letters import DeadLetters, Selection, counted_event, replay
from functions.runtime.security.replay_signing import ReplaySigner

MAX_LETTERS = 500


class SettleDeadLetters(Model):
    """Select `ids`, or all open letters of a `function`, of an `error`, or of both.

    `payload`: replaces that of a single letter, in the version that the letter's header `dataversion` states.
    """

    action: Literal["replay", "discard"]
    ids: list[UUID] | None = Field(default=None, max_length=MAX_LETTERS)
    function: Text | None = None
    error: Text | None = None
    payload: dict[str, Any] | None = None


class SettledDeadLettersView(Model):
    """`settled`: letters replayed or discarded. `left`: letters of the selection that are still open; repeat the request."""

    settled: int
    left: int


class NothingSelected(Invalid):
    """Select letters by ids, function or error."""


class SingleLetterRequired(Invalid):
    """A new payload requires the action replay and exactly one id."""


class DeadLetterNotFound(NotFound):
    """No open dead letter matches."""


@command(
    http="POST /v1/operations/{context}/dead-letters",
    allow=ADMIN,
    rejects=[NothingSelected, SingleLetterRequired, DeadLetterNotFound],
    emits=[DeadLettersCounted, AuditRecorded],  # the second one by the runtime, for every command of the context
    scale=Scale(max=1, concurrency=4, pool=1),
)
async def settle_dead_letters(
    request: SettleDeadLetters, letters: DeadLetters, replay_signer: ReplaySigner, caller: Caller, clock: Clock
) -> Done[SettledDeadLettersView]:
    if request.ids is None and request.function is None and request.error is None:
        raise NothingSelected()
    if request.payload is not None and (request.action != "replay" or request.ids is None or len(request.ids) != 1):
        raise SingleLetterRequired()

    selection = Selection(ids=request.ids, function=request.function, error=request.error)
    found = await letters.select(selection, MAX_LETTERS, lock=True)
    if not found:
        raise DeadLetterNotFound()

    actor = str(caller.user_id)
    replayed = []
    for letter in found:
        body = letter.body if request.payload is None else json.dumps(request.payload).encode()
        if request.payload is not None:
            await letters.edit(letter, body, actor)
        if request.action == "replay":
            replayed.append(replay(letter, body, replay_signer.sign(letter.headers, body)))
        await letters.close(letter, "replayed" if request.action == "replay" else "discarded", actor)

    left = sum(cause.count for cause in await letters.causes(selection))
    context = found[0].function.partition(".")[0]
    return Done(
        SettledDeadLettersView(settled=len(found), left=left), *replayed, counted_event(context, await letters.causes(Selection()), clock.now())
    )
