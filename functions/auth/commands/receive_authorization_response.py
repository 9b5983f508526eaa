"""Take the response of a provider to a sign-in.

The response must belong to the sign-in of this browser: its token, `state` and, where the provider sends it, `iss` (RFC 9207) are compared.
Afterwards the code is exchanged; `POST /v1/provider-logins/session` or `POST /v1/users/me/identities` have the result. Each response is taken once.
"""

from pydantic import Field

from functions.auth.domain.provider_login import AuthorizationCodeReceived, BrowserToken, ReceivedCode
from functions.auth.domain.sign_in_rejections import (
    InvalidAuthorizationResponse,
    UnknownProvider,
    UnknownProviderLogin,
)
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.ports import ProviderLogins, Vault
from functions.auth.services.provider_logins import ProviderLoginStart
from functions.kernel import ANYONE, Clock, Done, Model, RateClass, Rejected, SecretText, command


class ReceiveAuthorizationResponse(Model):
    provider: str = Field(examples=["github"], max_length=32)
    token: SecretText = Field(description="Of the browser that began the sign-in.")
    state: str = Field(max_length=512)
    code: SecretText | None = None
    iss: str | None = Field(default=None, max_length=512, description="The issuer, if the response names it (RFC 9207).")
    error: str = Field(default="", max_length=200, examples=["access_denied"], description="RFC 6749, 4.1.2.1.")


class AuthorizationResponseAccepted(Model):
    message: str = "The provider is asked who you are."


@command(
    http="POST /v1/provider-logins/response",
    status=202,
    allow=ANYONE,
    rate=RateClass.WRITES,  # the token has 256 bits: repetition guesses nothing
    rejects=[UnknownProvider, UnknownProviderLogin, InvalidAuthorizationResponse],
    emits=[AuthorizationCodeReceived],
    without_operation="nobody is signed in yet who could follow it: the browser asks for its session with the token of the sign-in",
    has_audit_entry=False,  # of a stranger: nobody is known yet, and an address in an entry could never be erased
)
async def receive_authorization_response(
    request: ReceiveAuthorizationResponse, start: ProviderLoginStart, logins: ProviderLogins, vault: Vault, clock: Clock
) -> Done[AuthorizationResponseAccepted] | Rejected:
    now, provider = clock.now(), start.provider(request.provider)
    token = BrowserToken(OpaqueToken(request.token.get_secret_value()))
    login = await logins.lock_by_token(token.token)
    if login is None:
        raise UnknownProviderLogin
    try:
        login.receive(provider, token, request.state, request.iss, now)
    except InvalidAuthorizationResponse as refusal:
        await logins.save(login)
        return Rejected(refusal)
    if request.error or request.code is None:
        login.fail(f"{provider.title} answered {request.error or 'without a code'}.")
        await logins.save(login)
        return Done(AuthorizationResponseAccepted())
    received = ReceivedCode(code=request.code.get_secret_value(), verifier=token.verifier, nonce=token.nonce, has_issuer=request.iss is not None)
    events = login.accept_code(vault.seal(received.model_dump_json()), now)
    await logins.save(login)
    return Done(AuthorizationResponseAccepted(), *events)
