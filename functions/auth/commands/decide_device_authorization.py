"""Confirm or deny the sign-in of a device.

A confirmed device starts a session of this account. A wrong code counts as a failed sign-in of the address.
"""

from pydantic import Field

from events.sign_in import DeviceAuthorizationDecided
from functions.auth.domain.rejections import (
    AccountLocked,
    SessionNotFound,
    UnknownUser,
)
from functions.auth.domain.sign_in_rejections import (
    DecidedUserCode,
    ExpiredToken,
    UnknownUserCode,
)
from functions.auth.ports import DeviceAuthorizations, Sessions, Users
from functions.auth.services.device_codes import DeviceCodes
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Done, Model, RateClass, Rejected, Scale, command


class DecideDeviceAuthorization(Model):
    user_code: str = Field(examples=["WDJB-MJHT"], max_length=64)
    is_approved: bool


@command(
    http="POST /v1/device-authorizations/decision",
    allow=OWN_ACCOUNT,
    status=204,
    rejects=[UnknownUser, SessionNotFound, UnknownUserCode, DecidedUserCode, ExpiredToken, AccountLocked],
    emits=[DeviceAuthorizationDecided],
    is_session_only=True,
    scale=Scale(max=1),
    rate=RateClass.CREDENTIALS,
)
async def decide_device_authorization(
    request: DecideDeviceAuthorization,
    users: Users,
    sessions: Sessions,
    codes: DeviceCodes,
    authorizations: DeviceAuthorizations,
    caller: Caller,
    clock: Clock,
) -> Done[None] | Rejected:
    now = clock.now()
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    session = await sessions.lock(caller.session_id) if caller.session_id else None
    if session is None or session.user_id != user.id or not session.is_active(now):
        raise SessionNotFound
    authorization = await codes.find(user, request.user_code, now)
    if authorization is None:
        return Rejected(UnknownUserCode())
    events = authorization.approve(session, now) if request.is_approved else authorization.deny(user.id, now)
    await authorizations.save(authorization)
    return Done(None, *events)
