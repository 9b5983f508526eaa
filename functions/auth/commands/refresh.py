"""Exchange a refresh token for new tokens.

The refresh token is used up. Using it a second time ends the session.
"""

from pydantic import Field

from events.auth import SessionEnded
from functions.auth.domain.rejections import (
    AccountSuspended,
    InvalidRefreshToken,
    RefreshTokenReused,
    SessionExpired,
)
from functions.auth.domain.session import Device
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.domain.views import SessionView
from functions.auth.ports import Sessions, Users
from functions.auth.services.session_tokens import SessionTokens
from functions.kernel import ANYONE, Change, Client, Clock, Done, Model, RateClass, Rejected, SecretText, command


class Refresh(Model):
    refresh_token: SecretText = Field(description="The refresh token from the last sign-in or refresh of this session.")


@command(
    http="POST /v1/sessions/refresh",
    allow=ANYONE,
    rejects=[InvalidRefreshToken, RefreshTokenReused, SessionExpired, AccountSuspended],
    emits=[SessionEnded],
    has_secret_response=True,
    has_audit_entry=False,  # clients refresh by themselves
    rate=RateClass.WRITES,  # a refresh token cannot be guessed, and many sessions of one address refresh
)
async def refresh(
    request: Refresh, sessions: Sessions, users: Users, tokens: SessionTokens, client: Client, clock: Clock
) -> Done[SessionView] | Rejected:
    now = clock.now()
    match = await sessions.lock_by_refresh_token(OpaqueToken(request.refresh_token.get_secret_value()))
    if match is None:
        raise InvalidRefreshToken
    session, generation = match

    ended = session.refresh(generation, Device.of(client), now, tokens.limits)
    if ended:
        await sessions.save(session)
        return Rejected(RefreshTokenReused(), *ended, change=Change(target=f"sessions/{session.id}", user_id=session.user_id))

    user = await users.get(session.user_id)
    if user is None:
        raise SessionExpired
    return Done(await tokens.renew(user, session, now))
