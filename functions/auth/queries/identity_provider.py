"""Get the address at which a provider signs people in.

It is read from the provider's metadata (OpenID Connect Discovery 1.0).
"""

from pydantic import Field

from functions.auth.domain.sign_in_rejections import (
    ProviderUnavailable,
    UnknownProvider,
)
from functions.auth.ports import IdentityProviders, ProviderClient
from functions.kernel import ANYONE, Model, Permanent, Transient, Work, query


class ShowIdentityProvider(Model):
    provider: str = Field(examples=["github"], max_length=32)


class IdentityProviderMetadataView(Model):
    name: str
    title: str
    authorization_endpoint: str


@query(http="GET /v1/identity-providers/{provider}", allow=ANYONE, rejects=[UnknownProvider, ProviderUnavailable])
async def identity_provider(
    request: ShowIdentityProvider, providers: IdentityProviders, client: ProviderClient, work: Work
) -> IdentityProviderMetadataView:
    provider = providers.get(request.provider)
    if provider is None:
        raise UnknownProvider
    try:
        endpoint = await client.authorization_endpoint(provider)
    except (Transient, Permanent) as error:
        raise ProviderUnavailable(f"{provider.title} does not answer as it should. Try again in a minute, or sign in another way.") from error
    return IdentityProviderMetadataView(name=provider.name, title=provider.title, authorization_endpoint=endpoint)
