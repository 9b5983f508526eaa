"""Keep your account that was to be deleted. Idempotent."""

from events.auth import AccountRestored
from functions.auth.domain.rejections import (
    UnknownUser,
)
from functions.auth.ports import Users
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Done, Model, command


class RestoreAccount(Model):
    pass


@command(http="DELETE /v1/users/me/deletion", allow=OWN_ACCOUNT, status=204, rejects=[UnknownUser], emits=[AccountRestored])
async def restore_account(request: RestoreAccount, users: Users, caller: Caller, clock: Clock) -> Done[None]:
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    events = user.restore(clock.now())
    if events:
        await users.save(user)
    return Done(None, *events)
