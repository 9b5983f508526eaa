"""Identities of providers are linked to an account, used, and unlinked."""

from dataclasses import replace
from uuid import UUID

import pytest
from pydantic import SecretStr

from events.sign_in import IdentityUnlinked
from functions.auth.commands.finish_identity_link import FinishIdentityLink
from functions.auth.commands.unlink_identity import UnlinkIdentity
from functions.auth.domain.sign_in_rejections import (
    IdentityTaken,
    LastSignInMethod,
    ProviderEmailUnverified,
    UnknownProviderLogin,
)
from functions.auth.ports import Identities
from functions.kernel import Caller
from tests.auth.openid_provider import OpenIdProvider
from tests.auth.provider_visit import Visit, recent, settings
from tests.auth.world import World


@pytest.fixture
def world(provider: OpenIdProvider) -> World:
    return World(settings(provider))


async def test_an_identity_is_linked_used_and_unlinked_by_its_user(world: World, provider: OpenIdProvider) -> None:
    caller = await recent(world)
    provider.user |= {"email": "somebody@else.example", "email_verified": False}
    identity_id = await Visit(world).link(caller)
    await Visit(world).sign_in()
    assert {each.user_id for each in world.sessions.rows.values()} == {caller.user_id}
    await world.call(UnlinkIdentity(identity_id=identity_id), caller=replace(caller, authenticated_at=world.clock.now()))
    assert len(world.events(IdentityUnlinked)) == 1
    with pytest.raises(ProviderEmailUnverified):
        await Visit(world).sign_in()


async def test_an_identity_belongs_to_one_account(world: World) -> None:
    await Visit(world).sign_in()
    other, token = await world.registered("bob@example.org")
    await world.verify(token)
    with pytest.raises(IdentityTaken):
        await Visit(world).link(Caller(other.user_id, authenticated_at=world.clock.now()))


async def test_the_last_way_to_sign_in_stays(world: World) -> None:
    await Visit(world).sign_in()
    [user], [identity] = world.users.rows.values(), world.port(Identities).rows.values()
    caller = Caller(user.id, authenticated_at=world.clock.now())
    with pytest.raises(LastSignInMethod):
        await world.call(UnlinkIdentity(identity_id=identity.id), caller=caller)
    user.reset_password("a new hash", world.clock.now())
    await world.users.save(user)
    await world.call(UnlinkIdentity(identity_id=identity.id), caller=caller)


async def test_what_one_user_began_to_link_neither_signs_in_nor_links_to_another(world: World) -> None:
    caller = await recent(world)
    visit = await Visit(world).begin(caller)
    await visit.respond(await visit.authorize())
    with pytest.raises(UnknownProviderLogin):
        await visit.finish()
    other = Caller(UUID(int=9), authenticated_at=world.clock.now())
    with pytest.raises(UnknownProviderLogin):
        await world.call(FinishIdentityLink(token=SecretStr(visit.begun.token)), caller=other)
