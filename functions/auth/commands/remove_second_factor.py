"""Remove the lost second factor of a user.

Its passkeys are deleted too, its sessions end, and the user gets an e-mail. Ask for a proof of identity first: afterwards the password suffices.
"""

from uuid import UUID

from events.auth import SecondFactorDisabled, SessionEnded
from events.sign_in import PasskeyDeleted
from functions.auth.domain.rejections import (
    SecondFactorNotEnabled,
    UserNotFound,
)
from functions.auth.domain.session import EndReason
from functions.auth.ports import Passkeys, SecondFactors, Sessions, Users
from functions.kernel import ADMIN, Change, Clock, Done, Model, Scale, command


class RemoveSecondFactor(Model):
    user_id: UUID


@command(
    http="DELETE /v1/admin/users/{user_id}/second-factor",
    status=204,
    allow=ADMIN,
    rejects=[UserNotFound, SecondFactorNotEnabled],
    emits=[SecondFactorDisabled, PasskeyDeleted, SessionEnded],
    scale=Scale(max=1),
    needs_recent_login=True,
)
async def remove_second_factor(
    request: RemoveSecondFactor, users: Users, factors: SecondFactors, passkeys: Passkeys, sessions: Sessions, clock: Clock
) -> Done[None]:
    now = clock.now()
    user = await users.get(request.user_id)
    if user is None:
        raise UserNotFound
    factor = await factors.lock(user.id)
    if factor is None:
        raise SecondFactorNotEnabled
    events = factor.remove(now)
    await factors.delete(user.id)
    lost = await passkeys.lock_for_user(user.id)
    for passkey in lost:
        await passkeys.delete(passkey.id)
        events = (*events, *passkey.delete(now))
    ended = await sessions.end_all(user.id, EndReason.SECOND_FACTOR_REMOVED, now)
    change = Change({"second_factor": "on", "passkeys": len(lost)}, {"second_factor": "off", "passkeys": 0}, target=f"users/{user.id}/second-factor")
    return Done(None, *events, *ended, change=change)
