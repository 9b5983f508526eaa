"""Sign in a device after its user has confirmed the code.

Until then the answer is 400 with the error code of RFC 8628, section 3.5, in the member `error`: `authorization_pending`, `slow_down`,
`access_denied`, `expired_token`, or `invalid_grant` (RFC 6749, 5.2). The device signs in once, while the
session that confirmed it is active.
"""

from pydantic import Field

from events.auth import UserLoggedIn
from functions.auth.domain.rejections import (
    AccountSuspended,
)
from functions.auth.domain.sign_in_rejections import (
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
    InvalidGrant,
    SlowDown,
)
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.views import SessionView
from functions.auth.ports import DeviceAuthorizations, Sessions, Users
from functions.auth.services.session_tokens import SessionTokens
from functions.kernel import ANYONE, Change, Client, Clock, Done, Model, RateClass, Rejected, SecretText, command


class RedeemDeviceCode(Model):
    device_code: SecretText = Field(description="Of the answer that began the sign-in.")


@command(
    http="POST /v1/device-authorizations/token",
    allow=ANYONE,
    rejects=[AuthorizationPending, SlowDown, AccessDenied, ExpiredToken, InvalidGrant, AccountSuspended],
    emits=[UserLoggedIn],
    has_secret_response=True,
    has_audit_entry=False,  # devices poll; the sign-in has a `change`
    rate=RateClass.WRITES,  # the code has 256 bits: repetition guesses nothing
)
async def redeem_device_code(
    request: RedeemDeviceCode,
    authorizations: DeviceAuthorizations,
    users: Users,
    sessions: Sessions,
    tokens: SessionTokens,
    client: Client,
    clock: Clock,
) -> Done[SessionView] | Rejected:
    now = clock.now()
    authorization = await authorizations.lock_by_device_code(OpaqueToken(request.device_code.get_secret_value()))
    if authorization is None:
        raise InvalidGrant
    refusal = authorization.poll(now)
    await authorizations.save(authorization)
    if refusal is not None:
        return Rejected(refusal)
    user = await users.get(authorization.user_id) if authorization.user_id else None
    if user is None:
        raise InvalidGrant
    await users.lock_unchanged(user)  # before the session, as whoever ends all sessions
    approver = await sessions.lock(authorization.session_id) if authorization.session_id else None
    if approver is None or not approver.is_active(now):
        refused = AccessDenied("The session that confirmed the sign-in has ended. Start again.")
        return Rejected(refused, change=Change(target="sessions", user_id=user.id))
    try:
        view, events = await tokens.start(user, client, authorization.methods, now, authorization.authenticated_at)
    except AccountSuspended as refused:  # the code stays used
        return Rejected(refused, change=Change(target="sessions", user_id=user.id))
    return Done(view, *events, change=Change(target=f"sessions/{view.session_id}", user_id=user.id, is_actor=True))
