"""Show which device asks to sign in with a code.

A wrong code counts as a failed sign-in of the address, which locks it (RFC 8628, 5.1). Compare the code with the device's before you confirm it.
"""

from datetime import datetime

from pydantic import Field

from functions.auth.domain.device_authorization import DeviceAuthorization, show_user_code
from functions.auth.domain.rejections import (
    AccountLocked,
    UnknownUser,
)
from functions.auth.domain.sign_in_rejections import (
    DecidedUserCode,
    ExpiredToken,
    UnknownUserCode,
)
from functions.auth.domain.user_agent import UserAgent
from functions.auth.ports import Users
from functions.auth.services.device_codes import DeviceCodes
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Done, Model, RateClass, Rejected, Scale, command


class FindDeviceAuthorization(Model):
    user_code: str = Field(examples=["WDJB-MJHT"], max_length=64, description="In any case, with or without the dash.")


class RequestingDeviceView(Model):
    """A device that asks to sign in. It chooses its User-Agent: program and system prove nothing."""

    user_code: str
    program: str = Field(examples=["Capsule CLI 0.2.0"])
    system: str = Field(examples=["Linux"])
    address: str
    requested_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, authorization: DeviceAuthorization) -> "RequestingDeviceView":
        user_agent = UserAgent.parse(authorization.device.user_agent)
        return cls(
            user_code=show_user_code(authorization.user_code),
            program=user_agent.program,
            system=user_agent.system,
            address=authorization.device.address,
            requested_at=authorization.created_at,
            expires_at=authorization.expires_at,
        )


@command(
    http="POST /v1/device-authorizations/lookup",
    allow=OWN_ACCOUNT,
    rejects=[UnknownUser, UnknownUserCode, DecidedUserCode, ExpiredToken, AccountLocked],
    is_session_only=True,
    scale=Scale(max=1),
    rate=RateClass.CREDENTIALS,
)
async def find_device_authorization(
    request: FindDeviceAuthorization, users: Users, codes: DeviceCodes, caller: Caller, clock: Clock
) -> Done[RequestingDeviceView] | Rejected:
    now = clock.now()
    user = await users.get(caller.user_id)
    if user is None:
        raise UnknownUser
    authorization = await codes.find(user, request.user_code, now)
    if authorization is None:
        return Rejected(UnknownUserCode())
    authorization.require_open(now)
    return Done(RequestingDeviceView.of(authorization))
