"""Begin a sign-in with a provider, or the linking of an identity: shared by the two commands."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import Field

from functions.auth.domain.identity import IdentityProvider
from functions.auth.domain.provider_login import LIFETIME, BrowserToken, ProviderLogin
from functions.auth.domain.sign_in_rejections import (
    UnknownProvider,
)
from functions.auth.ports import DashboardPages, IdentityProviders, ProviderLogins
from functions.kernel import Model

CALLBACK = "/sign-in/callback/"


class AuthorizationRequestView(Model):
    """Parameters of the authorization request (RFC 6749, 4.1.1; RFC 7636, 4.3; OpenID Connect Core 1.0, 3.1.2.1), in camelCase.

    In the address of the provider they have their original names: `client_id`, `redirect_uri`, …
    """

    token: str = Field(description="A secret of this browser. Send it with the provider's response, and keep it from scripts.")
    expires_in: int = Field(description="Seconds until the sign-in expires.", examples=[600])
    client_id: str
    redirect_uri: str
    scope: str
    state: str
    nonce: str
    code_challenge: str
    code_challenge_method: str = "S256"
    response_type: str = "code"


@dataclass(frozen=True, slots=True)
class ProviderLoginStart:
    providers: IdentityProviders
    logins: ProviderLogins
    pages: DashboardPages

    def provider(self, name: str) -> IdentityProvider:
        """Raises UnknownProvider."""
        provider = self.providers.get(name)
        if provider is None:
            raise UnknownProvider
        return provider

    def redirect_uri(self, provider: IdentityProvider) -> str:
        """One for each provider, so that a response cannot be taken for one of another (RFC 9700, 4.4.2.2)."""
        return self.pages.url(CALLBACK + provider.name)

    async def begin(self, name: str, user_id: UUID | None, now: datetime) -> AuthorizationRequestView:
        """Raises UnknownProvider."""
        provider, token = self.provider(name), BrowserToken.new()
        await self.logins.add(ProviderLogin.begin(provider.name, token, user_id, now))
        return AuthorizationRequestView(
            token=token.token.text,
            expires_in=int(LIFETIME.total_seconds()),
            client_id=provider.client_id,
            redirect_uri=self.redirect_uri(provider),
            scope=provider.scope,
            state=token.state,
            nonce=token.nonce,
            code_challenge=token.challenge,
        )
