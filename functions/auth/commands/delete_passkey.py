"""Delete a passkey.

Refused if the account has no other way to sign in.
"""

from uuid import UUID

from events.sign_in import PasskeyDeleted
from functions.auth.domain.rejections import (
    UnknownUser,
)
from functions.auth.domain.sign_in_rejections import (
    LastSignInMethod,
    PasskeyNotFound,
)
from functions.auth.ports import Identities, Passkeys, Users
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Done, Model, Scale, command


class DeletePasskey(Model):
    passkey_id: UUID


@command(
    http="DELETE /v1/users/me/passkeys/{passkey_id}",
    allow=OWN_ACCOUNT,
    status=204,
    rejects=[UnknownUser, PasskeyNotFound, LastSignInMethod],
    emits=[PasskeyDeleted],
    is_session_only=True,
    scale=Scale(max=1),
    needs_recent_login=True,
)
async def delete_passkey(
    request: DeletePasskey, passkeys: Passkeys, identities: Identities, users: Users, caller: Caller, clock: Clock
) -> Done[None]:
    user, own = await users.get(caller.user_id), await passkeys.lock_for_user(caller.user_id)
    if user is None:
        raise UnknownUser
    passkey = next((each for each in own if each.id == request.passkey_id), None)
    if passkey is None:
        raise PasskeyNotFound
    if len(own) == 1 and not user.has_password and not await identities.list_for_user(user.id):
        raise LastSignInMethod
    await passkeys.delete(passkey.id)
    return Done(None, *passkey.delete(clock.now()))
