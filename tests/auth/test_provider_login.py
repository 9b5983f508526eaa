"""Sign-in with a provider on loopback: the accounts that it makes and finds, and what each provider says of a user."""

from uuid import UUID

import pytest
from pydantic import SecretStr

from events.auth import EmailVerified, UserCreated, UserDeleted
from events.sign_in import IdentityLinked
from functions.auth.commands.confirm_identity import ConfirmIdentity
from functions.auth.commands.login_second_factor import LoginSecondFactor
from functions.auth.domain import one_time_codes
from functions.auth.domain.email import Email
from functions.auth.domain.rejections import (
    AccountSuspended,
    FactorRequired,
    SecondFactorRequired,
)
from functions.auth.domain.second_factor import SecondFactor
from functions.auth.domain.session import WITH_PROVIDER, Method
from functions.auth.domain.sign_in_rejections import (
    IdentityNotLinked,
    ProviderEmailUnverified,
    UnknownProvider,
    UnknownProviderLogin,
)
from functions.auth.domain.user import Role, User
from functions.auth.ports import Identities, SecondFactors, Vault
from functions.auth.queries.identities import ListIdentities
from functions.auth.queries.identity_providers import ListIdentityProviders
from functions.kernel import Caller
from tests.auth.openid_provider import CLIENT_SECRET, OpenIdProvider
from tests.auth.provider_visit import Visit, failure, recent, settings
from tests.auth.world import ADDRESS, World


@pytest.fixture
def world(provider: OpenIdProvider) -> World:
    return World(settings(provider))


async def test_a_new_user_gets_a_verified_account_and_the_same_one_again(world: World) -> None:
    first = await Visit(world).sign_in()
    [user] = world.users.rows.values()
    assert (user.email, user.is_verified, user.has_password, user.name) == (ADDRESS, True, False, "Ada")
    assert len(world.events(UserCreated)) == len(world.events(EmailVerified)) == len(world.events(IdentityLinked)) == 1
    assert not world.mailer.verifications  # the provider has verified the address
    second = await Visit(world).sign_in()
    assert {each.user_id for each in world.sessions.rows.values()} == {user.id} and first.session_id != second.session_id
    assert world.sessions.rows[UUID(second.session_id)].methods == WITH_PROVIDER
    [identity] = (await world.call(ListIdentities(), caller=Caller(user.id))).items
    assert (identity.provider, identity.email, identity.last_used_at is not None) == ("corp", ADDRESS, True)


async def test_the_providers_of_the_settings_are_listed_without_their_secrets(world: World) -> None:
    listed = await world.call(ListIdentityProviders())
    assert [(each.name, each.title) for each in listed.items] == [("corp", "Example"), ("hub", "hub")]
    assert CLIENT_SECRET not in listed.model_dump_json()
    with pytest.raises(UnknownProvider):
        await Visit(world, "other").begin()


@pytest.mark.parametrize("claim", [False, None, "true", 1])
async def test_an_address_that_the_provider_has_not_verified_makes_no_account(world: World, provider: OpenIdProvider, claim: object) -> None:
    provider.user["email_verified"] = claim
    with pytest.raises(ProviderEmailUnverified):
        await Visit(world).sign_in()
    assert not world.users.rows and not world.events(UserCreated)


async def test_an_address_alone_never_links_an_identity(world: World) -> None:
    user_id = (await world.verified_user()).user_id
    with pytest.raises(IdentityNotLinked):
        await Visit(world).sign_in()
    assert not world.port(Identities).rows and not world.sessions.rows
    assert await world.refusals("auth.finish_provider_login") == [("identity-not-linked", user_id)]


async def test_an_account_that_nobody_verified_gives_way(world: World) -> None:
    created = await world.register()
    await Visit(world).sign_in()
    [user] = world.users.rows.values()
    assert user.id != created.user_id and len(world.events(UserDeleted)) == 1


async def test_a_suspended_account_that_nobody_verified_stays(world: World) -> None:
    created = await world.register()
    world.suspend(created.user_id)
    with pytest.raises(AccountSuspended):
        await Visit(world).sign_in()
    assert list(world.users.rows) == [created.user_id] and not world.events(UserDeleted)
    assert await world.refusals("auth.finish_provider_login") == [("account-suspended", created.user_id)]


async def test_an_account_that_is_verified_meanwhile_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    created = await world.register()
    read = world.users.get_by_email

    async def read_before_it_is_verified(email: Email) -> User | None:
        user = await read(email)
        world.users.rows[created.user_id].email_verified_at = world.clock.now()
        return user

    monkeypatch.setattr(world.users, "get_by_email", read_before_it_is_verified)
    with pytest.raises(IdentityNotLinked):
        await Visit(world).sign_in()
    assert list(world.users.rows) == [created.user_id] and not world.events(UserDeleted)


async def test_a_name_of_a_provider_is_stored_without_control_characters(world: World, provider: OpenIdProvider) -> None:
    provider.user["name"] = "Ada\r\nBcc: eve@example.org\x1b[31m\u2028\x7f"
    await Visit(world).sign_in()
    [user] = world.users.rows.values()
    assert user.name == "AdaBcc: eve@example.org[31m"


async def test_the_second_factor_is_asked_for_after_the_provider(world: World) -> None:
    await Visit(world).sign_in()
    [user] = world.users.rows.values()
    now = world.clock.now()
    await world.port(SecondFactors).save(SecondFactor(user.id, world.port(Vault).seal("A" * 32), now, enabled_at=now))
    with pytest.raises(SecondFactorRequired) as raised:
        await Visit(world).sign_in()
    assert raised.value.secret_members["challenge"] and len(world.sessions.rows) == 1


async def test_a_suspended_account_uses_up_the_result_and_leaves_an_entry(world: World) -> None:
    await Visit(world).sign_in()
    [user_id] = world.users.rows
    world.suspend(user_id)
    visit = Visit(world)
    with pytest.raises(AccountSuspended):
        await visit.sign_in()
    with pytest.raises(UnknownProviderLogin):
        await visit.finish()
    assert await world.refusals("auth.finish_provider_login") == [("account-suspended", user_id)]


@pytest.mark.parametrize("first", ["provider", "password"])
async def test_a_code_makes_an_administrator_after_the_password_only(world: World, first: str) -> None:
    caller = await recent(world)
    await Visit(world).link(caller)
    now, secret = world.clock.now(), "A" * 32
    await world.port(SecondFactors).save(SecondFactor(caller.user_id, world.port(Vault).seal(secret), now, enabled_at=now))
    world.administrators.addresses.add(ADDRESS)
    with pytest.raises(SecondFactorRequired) as raised:
        await (Visit(world).sign_in() if first == "provider" else world.login())
    challenge, code = raised.value.secret_members["challenge"], one_time_codes.code_at(secret, one_time_codes.step_of(now))
    session = await world.call(LoginSecondFactor(challenge=SecretStr(challenge), code=SecretStr(code)), client=world.client)
    methods = world.sessions.rows[UUID(session.session_id)].methods
    assert methods == {Method.CODE, Method.PROVIDER if first == "provider" else Method.PASSWORD}
    assert (Role.ADMIN in world.users.rows[caller.user_id].roles) == (first == "password")


async def test_an_account_without_a_password_is_confirmed_by_signing_in_again(world: World) -> None:
    session = await Visit(world).sign_in()
    [user] = world.users.rows.values()
    caller = Caller(user.id, session_id=UUID(session.session_id))
    with pytest.raises(FactorRequired, match="no password"):
        await world.call(ConfirmIdentity(password=SecretStr("guess")), caller=caller)


async def test_an_address_is_taken_from_userinfo_of_the_same_user(world: World, provider: OpenIdProvider) -> None:
    provider.user = {"sub": "42"}
    provider.userinfo = {"sub": "43", "email": ADDRESS, "email_verified": True}
    assert "another user" in await failure(Visit(world))
    provider.userinfo["sub"] = "42"
    await Visit(world).sign_in()
    assert await world.users.get_by_email(Email(ADDRESS)) is not None


@pytest.mark.parametrize("is_verified", [True, False])
async def test_github_says_who_the_user_is_by_its_api(world: World, provider: OpenIdProvider, is_verified: bool) -> None:
    provider.has_issuer_parameter = False
    provider.emails = [{"email": "old@example.org", "primary": False, "verified": True}]
    provider.emails += [{"email": ADDRESS, "primary": True, "verified": is_verified}]
    visit = await Visit(world, "hub").begin()
    assert "nonce" in visit.begun.model_dump() and visit.begun.scope == "read:user user:email"
    await visit.respond(await visit.authorize())
    if not is_verified:
        with pytest.raises(ProviderEmailUnverified):
            await visit.finish()
        return
    await visit.finish()
    [identity] = world.port(Identities).rows.values()
    assert (identity.subject, identity.email) == ("7", ADDRESS)
