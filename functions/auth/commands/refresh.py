"""A session goes on: a refresh token is traded for the next one and a fresh access token. Tokens that were used before end the session."""

from pydantic import Field, SecretStr

from events.auth import SessionEnded
from functions.auth.domain.rejections import InvalidRefreshToken, RefreshTokenReused, SessionOver
from functions.auth.domain.session import Device, EndReason
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.ports import AccessTokenIssuer, Sessions, Users
from functions.kernel import ANYONE, Client, Clock, Done, Model, Rejected, command


class Refresh(Model):
    refresh_token: SecretStr = Field(description="The one that the last login or refresh of this session answered.")


class Refreshed(Model):
    session_id: str
    access_token: str = Field(description="A JWT, for the header `Authorization: Bearer …`.")
    token_type: str = "Bearer"
    expires_in: int = Field(description="Seconds until the access token expires.", examples=[900])
    refresh_token: str = Field(description="The next one; the one that was shown is used up.")


@command(
    http="POST /v1/sessions/refresh",
    allow=ANYONE,
    rejects=[InvalidRefreshToken, RefreshTokenReused, SessionOver],
    emits=[SessionEnded],
    secret_answer=True,
)
async def refresh(
    asked: Refresh, sessions: Sessions, users: Users, access_tokens: AccessTokenIssuer, client: Client, clock: Clock
) -> Done[Refreshed] | Rejected:
    now = clock.now()
    presented = await sessions.presenting(OpaqueToken(asked.refresh_token.get_secret_value()))
    if presented is None:
        raise InvalidRefreshToken
    session, generation = presented

    if not session.refresh(generation, Device.of(client), now):
        await sessions.save(session)
        reason = EndReason.REFRESH_TOKEN_REUSED
        return Rejected(RefreshTokenReused(), SessionEnded(session_id=session.id, user_id=session.user_id, reason=reason, at=now))

    user = await users.get(session.user_id)
    if user is None:
        raise SessionOver
    token = OpaqueToken.for_refresh()
    await sessions.save(session, token)
    access = access_tokens.issue(user, session.id, now)
    return Done(Refreshed(session_id=str(session.id), access_token=access.text, expires_in=access.expires_in, refresh_token=token.text))
