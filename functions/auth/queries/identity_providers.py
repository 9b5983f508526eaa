"""List the providers with which people can sign in here."""

from functions.auth.ports import IdentityProviders
from functions.kernel import ANYONE, Cache, Model, Page, query


class ListIdentityProviders(Model):
    pass


class IdentityProviderView(Model):
    name: str
    title: str


@query(http="GET /v1/identity-providers", allow=ANYONE, cache=Cache(60))
async def identity_providers(request: ListIdentityProviders, providers: IdentityProviders) -> Page[IdentityProviderView]:
    return Page(items=[IdentityProviderView(name=each.name, title=each.title) for each in providers.list()], next=None)
