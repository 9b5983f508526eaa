"""Delete the link of an identity to your account.

Refused if the account has no other way to sign in.
"""

from uuid import UUID

from events.sign_in import IdentityUnlinked
from functions.auth.domain.rejections import (
    UnknownUser,
)
from functions.auth.domain.sign_in_rejections import (
    IdentityNotFound,
    LastSignInMethod,
)
from functions.auth.ports import Identities, Passkeys, Users
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Done, Model, Scale, command


class UnlinkIdentity(Model):
    identity_id: UUID


@command(
    http="DELETE /v1/users/me/identities/{identity_id}",
    allow=OWN_ACCOUNT,
    status=204,
    rejects=[UnknownUser, IdentityNotFound, LastSignInMethod],
    emits=[IdentityUnlinked],
    is_session_only=True,
    scale=Scale(max=1),
    needs_recent_login=True,
)
async def unlink_identity(
    request: UnlinkIdentity, identities: Identities, passkeys: Passkeys, users: Users, caller: Caller, clock: Clock
) -> Done[None]:
    user, linked = await users.get(caller.user_id), await identities.lock_for_user(caller.user_id)
    if user is None:
        raise UnknownUser
    identity = next((each for each in linked if each.id == request.identity_id), None)
    if identity is None:
        raise IdentityNotFound
    if len(linked) == 1 and not user.has_password and not await passkeys.list_for_user(user.id):
        raise LastSignInMethod
    await identities.delete(identity.id)
    return Done(None, *identity.unlink(clock.now()))
