"""Begin to sign in with a provider.

The answer has the parameters of the authorization request. The provider sends the browser back to `redirectUri`, with a response for
`POST /v1/provider-logins/response`.
"""

from pydantic import Field

from functions.auth.domain.sign_in_rejections import (
    UnknownProvider,
)
from functions.auth.services.provider_logins import AuthorizationRequestView, ProviderLoginStart
from functions.kernel import ANYONE, Clock, Done, Model, command


class BeginProviderLogin(Model):
    provider: str = Field(examples=["github"], max_length=32)


@command(http="POST /v1/provider-logins", allow=ANYONE, status=201, rejects=[UnknownProvider], has_secret_response=True, has_audit_entry=False)
async def begin_provider_login(request: BeginProviderLogin, start: ProviderLoginStart, clock: Clock) -> Done[AuthorizationRequestView]:
    return Done(await start.begin(request.provider, None, clock.now()))
