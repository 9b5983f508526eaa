"""Rename a passkey."""

from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints

from events.sign_in import PasskeyRenamed
from functions.auth.domain.sign_in_rejections import (
    PasskeyNotFound,
)
from functions.auth.domain.views import PasskeyView
from functions.auth.ports import Passkeys
from functions.kernel import ONE_LINE, OWN_ACCOUNT, Caller, Clock, Done, Model, Scale, command


class RenamePasskey(Model):
    passkey_id: UUID
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64), ONE_LINE]


@command(
    http="PATCH /v1/users/me/passkeys/{passkey_id}",
    allow=OWN_ACCOUNT,
    rejects=[PasskeyNotFound],
    emits=[PasskeyRenamed],
    is_session_only=True,
    scale=Scale(max=1),
)
async def rename_passkey(request: RenamePasskey, passkeys: Passkeys, caller: Caller, clock: Clock) -> Done[PasskeyView]:
    own = await passkeys.lock_for_user(caller.user_id)
    passkey = next((each for each in own if each.id == request.passkey_id), None)
    if passkey is None:
        raise PasskeyNotFound
    events = passkey.rename(request.name, clock.now())
    await passkeys.save(passkey)
    return Done(PasskeyView.of(passkey), *events)
