"""Sign-ins at providers over HTTP: OpenID Connect, and GitHub, which has OAuth 2 and an API in place of ID tokens.

Every call goes through `CheckedTransport`: endpoints stand in documents that the provider writes.
"""

import httpx

from functions.auth.adapters.oidc_hosts import OIDC_HOSTS
from functions.auth.adapters.openid_connect import SECRET_POST, Http, OpenIdConnect, is_subject, request_token
from functions.auth.domain.identity import IdentityProvider, Protocol, ProviderClaims
from functions.auth.domain.provider_login import ReceivedCode
from functions.kernel import Permanent
from functions.runtime.config.settings import Settings
from functions.runtime.security.outgoing import CheckedTransport
from functions.runtime.storage.external_call import external_call

TIMEOUT_SECONDS = 5.0


class HttpProviderClient:
    def __init__(self, settings: Settings) -> None:
        transport = CheckedTransport(settings.value(OIDC_HOSTS), OIDC_HOSTS.name)
        client = httpx.AsyncClient(
            transport=transport, trust_env=False, follow_redirects=False, timeout=TIMEOUT_SECONDS, headers={"user-agent": "Capsule/1"}
        )
        self._http = Http(client)
        self._oidc = OpenIdConnect(self._http)

    @external_call
    async def authorization_endpoint(self, provider: IdentityProvider) -> str:
        if provider.protocol is Protocol.GITHUB:
            return f"{provider.issuer}/login/oauth/authorize"
        endpoint = (await self._oidc.metadata(provider)).get("authorization_endpoint")
        if not isinstance(endpoint, str) or not endpoint.startswith(("https://", "http://")):
            raise Permanent("The metadata of the provider has no authorization endpoint.")
        return endpoint

    @external_call
    async def identify(self, provider: IdentityProvider, received: ReceivedCode, redirect_uri: str) -> ProviderClaims:
        if provider.protocol is Protocol.GITHUB:
            return await self._github(provider, received, redirect_uri)
        return await self._oidc.identify(provider, received, redirect_uri)

    async def _github(self, provider: IdentityProvider, received: ReceivedCode, redirect_uri: str) -> ProviderClaims:
        endpoint = f"{provider.issuer}/login/oauth/access_token"
        token = await request_token(self._http, endpoint, provider, received, redirect_uri, SECRET_POST)
        access = str(token.get("access_token", ""))
        user = await self._http.get(f"{provider.api_url}/user", access)
        emails = await self._http.get(f"{provider.api_url}/user/emails", access)
        if not isinstance(user, dict) or type(user.get("id")) is not int or not is_subject(str(user["id"])) or not isinstance(emails, list):
            raise Permanent("GitHub does not say who you are.")
        primary = next((each for each in emails if isinstance(each, dict) and each.get("primary") is True), {})
        return ProviderClaims(
            issuer=provider.issuer,
            subject=str(user["id"]),
            email=str(primary.get("email") or ""),
            is_email_verified=primary.get("verified") is True,
            name=str(user.get("name") or user.get("login") or ""),
        )
