"""Begin to link an identity at a provider to your account.

Needs a session, which proves the account. As `POST /v1/provider-logins`; the result is linked with `POST /v1/users/me/identities`.
"""

from pydantic import Field

from functions.auth.domain.sign_in_rejections import (
    UnknownProvider,
)
from functions.auth.services.provider_logins import AuthorizationRequestView, ProviderLoginStart
from functions.kernel import OWN_ACCOUNT, Caller, Clock, Done, Model, Scale, command


class BeginIdentityLink(Model):
    provider: str = Field(examples=["github"], max_length=32)


@command(
    http="POST /v1/users/me/identity-links",
    allow=OWN_ACCOUNT,
    status=201,
    rejects=[UnknownProvider],
    has_secret_response=True,
    is_session_only=True,
    scale=Scale(max=1),
    needs_recent_login=True,
)
async def begin_identity_link(request: BeginIdentityLink, start: ProviderLoginStart, caller: Caller, clock: Clock) -> Done[AuthorizationRequestView]:
    return Done(await start.begin(request.provider, caller.user_id, clock.now()))
