"""A browser that signs in with a provider on loopback, step by step. The requests and signatures are real."""

import json
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from functions.auth.commands.begin_identity_link import BeginIdentityLink
from functions.auth.commands.begin_provider_login import BeginProviderLogin
from functions.auth.commands.finish_identity_link import FinishIdentityLink
from functions.auth.commands.finish_provider_login import FinishProviderLogin
from functions.auth.commands.receive_authorization_response import ReceiveAuthorizationResponse
from functions.auth.domain.sign_in_rejections import (
    ProviderLoginFailed,
)
from functions.auth.domain.views import SessionView
from functions.auth.queries.identity_provider import ShowIdentityProvider
from functions.auth.services.provider_logins import AuthorizationRequestView
from functions.kernel import Caller
from tests.auth.openid_provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider
from tests.auth.world import World

DASHBOARD = "https://dashboard.example.org"


def settings(provider: OpenIdProvider, hosts: str = "") -> dict[str, str]:
    client = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET, "issuer": provider.issuer}
    providers = [{"name": "corp", "title": "Example", **client}, {"name": "hub", "protocol": "github", **client, "issuer": f"{provider.issuer}/"}]
    providers[1]["apiUrl"] = f"{provider.issuer}/api/v3"
    return {
        "CAPSULE_DASHBOARD_URL": DASHBOARD,
        "CAPSULE_OIDC_PROVIDERS": json.dumps(providers),
        "CAPSULE_OIDC_HOSTS": hosts or provider.host,
    }


class Visit:
    """A browser that signs in with a provider: each step by itself."""

    def __init__(self, world: World, provider: str = "corp") -> None:
        self.world = world
        self.provider = provider

    async def begin(self, caller: Caller | None = None) -> "Visit":
        request = BeginIdentityLink(provider=self.provider) if caller else BeginProviderLogin(provider=self.provider)
        self.begun: AuthorizationRequestView = await self.world.call(request, caller=caller)
        return self

    async def authorize(self) -> dict[str, str]:
        """Send the browser to the provider; returns the parameters with which it comes back."""
        metadata = await self.world.call(ShowIdentityProvider(provider=self.provider))
        view = self.begun
        query = {"client_id": view.client_id, "redirect_uri": view.redirect_uri, "scope": view.scope, "state": view.state, "nonce": view.nonce}
        query |= {"code_challenge": view.code_challenge, "code_challenge_method": view.code_challenge_method, "response_type": view.response_type}
        async with httpx.AsyncClient(trust_env=False) as browser:
            response = await browser.get(f"{metadata.authorization_endpoint}?{urlencode(query)}")
        location = urlsplit(response.headers["location"])
        assert f"{location.scheme}://{location.netloc}{location.path}" == f"{DASHBOARD}/sign-in/callback/{self.provider}"
        return {name: values[0] for name, values in parse_qs(location.query).items()}

    async def respond(self, parameters: dict[str, str], provider: str = "") -> None:
        """Bring the response to Capsule, which exchanges the code."""
        fields = {name: parameters[name] for name in ("code", "state", "iss", "error") if name in parameters}
        await self.world.call(ReceiveAuthorizationResponse(provider=provider or self.provider, token=SecretStr(self.begun.token), **fields))
        await self.world.settle()

    async def finish(self) -> SessionView:
        view = await self.world.call(FinishProviderLogin(token=SecretStr(self.begun.token)), client=self.world.client)
        assert isinstance(view, SessionView)
        return view

    async def sign_in(self) -> SessionView:
        await self.begin()
        await self.respond(await self.authorize())
        return await self.finish()

    async def link(self, caller: Caller) -> UUID:
        await self.begin(caller)
        await self.respond(await self.authorize())
        view = await self.world.call(FinishIdentityLink(token=SecretStr(self.begun.token)), caller=caller)
        return UUID(str(view.id))


async def recent(world: World) -> Caller:
    caller, _ = await world.signed_in_user()
    return replace(caller, authenticated_at=world.clock.now())


async def failure(visit: Visit) -> str:
    """Why a sign-in with an accepted response fails."""
    await visit.begin()
    await visit.respond(await visit.authorize())
    with pytest.raises(ProviderLoginFailed) as raised:
        await visit.finish()
    assert not visit.world.sessions.rows and not visit.world.users.rows
    return raised.value.detail
