"""An operator decides: replay one letter, a group or all of a function, with its payload mended if need be, or discard them."""

import json
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from events.platform import DeadLettersCounted
from functions.kernel import ADMIN, Caller, Clock, Done, Invalid, Model, NotFound, Scale, command
from functions.runtime.reliability.dead_letters import DeadLetters, Which, again, counted
from functions.runtime.security.replay_signing import ReplaySigner

MOST_AT_ONCE = 500


class SettleDeadLetters(Model):
    """Which: `ids`, or all open ones of a `function`, of an `error`, or of both. `payload` replaces that of the one letter named, and is
    read as of the version that the letter's headers say (`dataversion`)."""

    action: Literal["replay", "discard"]
    ids: list[UUID] | None = Field(default=None, max_length=MOST_AT_ONCE)
    function: str | None = None
    error: str | None = None
    payload: dict[str, Any] | None = None


class SettledDeadLetters(Model):
    """`settled` letters were dealt with; `left` of the selection are still open, ask again."""

    settled: int
    left: int


class NothingSelected(Invalid):
    """Say which letters: ids, a function or an error."""


class OneAtATime(Invalid):
    """A new payload is for exactly one letter that is to be replayed."""


class NoSuchDeadLetter(NotFound):
    """No open dead letter is among those."""


@command(
    http="POST /v1/operations/{context}/dead-letters",
    allow=ADMIN,
    rejects=[NothingSelected, OneAtATime, NoSuchDeadLetter],
    emits=[DeadLettersCounted],
    scale=Scale(max=1, concurrency=4, pool=1),
)
async def settle_dead_letters(
    asked: SettleDeadLetters, letters: DeadLetters, replay_signer: ReplaySigner, caller: Caller, clock: Clock
) -> Done[SettledDeadLetters]:
    if asked.ids is None and asked.function is None and asked.error is None:
        raise NothingSelected()
    if asked.payload is not None and (asked.action != "replay" or asked.ids is None or len(asked.ids) != 1):
        raise OneAtATime()

    which = Which(ids=asked.ids, function=asked.function, error=asked.error)
    found = await letters.page(which, MOST_AT_ONCE, lock=True)
    if not found:
        raise NoSuchDeadLetter()

    actor = str(caller.user_id)
    replayed = []
    for letter in found:
        body = letter.body if asked.payload is None else json.dumps(asked.payload).encode()
        if asked.payload is not None:
            await letters.edit(letter, body, actor)
        if asked.action == "replay":
            replayed.append(again(letter, body, replay_signer.sign(letter.headers, body)))
        await letters.close(letter, "replayed" if asked.action == "replay" else "discarded", actor)

    left = sum(cause.count for cause in await letters.causes(which))
    context = found[0].function.partition(".")[0]
    return Done(SettledDeadLetters(settled=len(found), left=left), *replayed, counted(context, await letters.causes(Which()), clock.now()))
