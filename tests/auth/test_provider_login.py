"""Sign-in with a provider on loopback: accounts, linking, unlinking, and attacks on the protocol. The requests and signatures are real."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey
from pydantic import SecretStr

from events.auth import EmailVerified, UserCreated, UserDeleted
from events.sign_in import IdentityLinked, IdentityUnlinked
from functions.auth.commands.begin_identity_link import BeginIdentityLink
from functions.auth.commands.begin_provider_login import BeginProviderLogin
from functions.auth.commands.confirm_identity import ConfirmIdentity
from functions.auth.commands.finish_identity_link import FinishIdentityLink
from functions.auth.commands.finish_provider_login import FinishProviderLogin
from functions.auth.commands.login_second_factor import LoginSecondFactor
from functions.auth.commands.receive_authorization_response import ReceiveAuthorizationResponse
from functions.auth.commands.unlink_identity import UnlinkIdentity
from functions.auth.domain import one_time_codes
from functions.auth.domain.email import Email
from functions.auth.domain.identity import ProviderClaims
from functions.auth.domain.provider_login import LIFETIME, Status
from functions.auth.domain.rejections import (
    AccountSuspended,
    FactorRequired,
    SecondFactorRequired,
)
from functions.auth.domain.second_factor import SecondFactor
from functions.auth.domain.session import WITH_PROVIDER, Method
from functions.auth.domain.sign_in_rejections import (
    IdentityNotLinked,
    IdentityTaken,
    InvalidAuthorizationResponse,
    LastSignInMethod,
    ProviderEmailUnverified,
    ProviderLoginFailed,
    ProviderLoginPending,
    ProviderUnavailable,
    UnknownProvider,
    UnknownProviderLogin,
)
from functions.auth.domain.user import Role, User
from functions.auth.domain.views import SessionView
from functions.auth.ports import Identities, ProviderClient, ProviderLogins, SecondFactors, Vault
from functions.auth.queries.identities import ListIdentities
from functions.auth.queries.identity_provider import ShowIdentityProvider
from functions.auth.queries.identity_providers import ListIdentityProviders
from functions.auth.services.provider_logins import AuthorizationRequestView
from functions.kernel import Caller, Transient
from tests.auth.openid_provider import CLIENT_ID, CLIENT_SECRET, Json, OpenIdProvider, new_key
from tests.auth.world import ADDRESS, World

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


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    provider = OpenIdProvider()
    yield provider
    provider.close()


@pytest.fixture
def world(provider: OpenIdProvider) -> World:
    return World(settings(provider))


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


# -- accounts -----------------------------------------------------------------------------------------------------------


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


# -- linking ------------------------------------------------------------------------------------------------------------


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


# -- attacks ------------------------------------------------------------------------------------------------------------


async def test_a_wrong_nonce_is_refused(world: World, provider: OpenIdProvider) -> None:
    provider.change_claims = lambda claims: {**claims, "nonce": "of another sign-in"}
    assert "nonce" in await failure(Visit(world))
    provider.change_claims = lambda claims: {name: value for name, value in claims.items() if name != "nonce"}
    assert "nonce" in await failure(Visit(world))


@pytest.mark.parametrize(
    ("claim", "value"),
    [("aud", "another-client"), ("aud", [CLIENT_ID, "another-client"]), ("azp", "another-client"), ("iss", "https://evil.example"), ("sub", None)],
)
async def test_a_token_for_or_from_somebody_else_is_refused(world: World, provider: OpenIdProvider, claim: str, value: object) -> None:
    provider.change_claims = lambda claims: {**claims, claim: value}
    assert "not valid" in await failure(Visit(world)) or claim == "sub"


async def test_an_expired_token_is_refused(world: World, provider: OpenIdProvider) -> None:
    provider.change_claims = lambda claims: {**claims, "iat": time.time() - 900, "exp": time.time() - 600}
    assert "expired" in (await failure(Visit(world))).lower()


def unsigned(claims: Json, key: ECKey) -> str:
    registry = jws.JWSRegistry(algorithms=["none"])
    return jws.serialize_compact({"alg": "none"}, json.dumps(claims), OctKey.generate_key(), registry=registry)


def signed_with_the_client_secret(claims: Json, key: ECKey) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET.ljust(32)), algorithms=["HS256"])


def signed_with_the_public_key(claims: Json, key: ECKey) -> str:
    public = json.dumps(key.as_dict(private=False))
    return jwt.encode({"alg": "HS256", "kid": key.kid}, claims, OctKey.import_key(public), algorithms=["HS256"])


def signed_by_another_key(claims: Json, key: ECKey) -> str:
    return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, new_key())


def with_its_own_key(claims: Json, key: ECKey) -> str:
    own = new_key()
    return jwt.encode({"alg": "ES256", "jwk": own.as_dict(private=False)}, claims, own)


@pytest.mark.parametrize(
    "encode", [unsigned, signed_with_the_client_secret, signed_with_the_public_key, signed_by_another_key, with_its_own_key, lambda *_: "nonsense"]
)
async def test_a_token_without_the_providers_signature_is_refused(world: World, provider: OpenIdProvider, encode: object) -> None:
    provider.encode = encode  # type: ignore[assignment]
    assert "not valid" in await failure(Visit(world))


async def test_keys_rotate_without_a_restart(world: World, provider: OpenIdProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    await Visit(world).sign_in()
    provider.key = new_key()
    monkeypatch.setattr("functions.auth.adapters.openid_connect.MIN_REFRESH_SECONDS", 0.0)
    await Visit(world).sign_in()
    assert provider.requests.count("GET /jwks") == 2 and provider.requests.count("GET /.well-known/openid-configuration") == 1


async def test_a_response_of_another_issuer_or_provider_is_refused(world: World, provider: OpenIdProvider) -> None:
    visit = await Visit(world).begin()
    parameters = await visit.authorize()
    with pytest.raises(InvalidAuthorizationResponse):
        await visit.respond({**parameters, "iss": "https://evil.example"})
    with pytest.raises(InvalidAuthorizationResponse):  # a refused response is used up
        await visit.respond(parameters)
    other = await Visit(world).begin()
    with pytest.raises(InvalidAuthorizationResponse):
        await other.respond(await other.authorize(), provider="hub")
    assert "POST /token" not in provider.requests  # no code went to the wrong token endpoint


async def test_a_response_without_the_issuer_that_the_provider_always_names_is_refused(world: World) -> None:
    visit = await Visit(world).begin()
    parameters = await visit.authorize()
    del parameters["iss"]
    await visit.respond(parameters)
    with pytest.raises(ProviderLoginFailed, match="RFC 9207"):
        await visit.finish()


async def test_a_state_of_another_browser_is_refused(world: World) -> None:
    victim, attacker = await Visit(world).begin(), await Visit(world).begin()
    parameters = await attacker.authorize()
    with pytest.raises(InvalidAuthorizationResponse):  # sign-in to the attacker's account in the victim's browser
        await victim.respond(parameters)
    with pytest.raises(UnknownProviderLogin):
        attacker.begun = attacker.begun.model_copy(update={"token": "cpi_guessed"})
        await attacker.respond(parameters)


async def test_a_response_and_its_result_are_used_once(world: World) -> None:
    visit = await Visit(world).begin()
    parameters = await visit.authorize()
    with pytest.raises(ProviderLoginPending):
        await visit.finish()
    await visit.respond(parameters)
    with pytest.raises(InvalidAuthorizationResponse):
        await visit.respond(parameters)
    await visit.finish()
    with pytest.raises(UnknownProviderLogin):
        await visit.finish()


async def test_a_stolen_code_is_worth_nothing_in_another_sign_in(world: World) -> None:
    victim, attacker = await Visit(world).begin(), await Visit(world).begin()
    stolen, own = await victim.authorize(), await attacker.authorize()
    await attacker.respond({**own, "code": stolen["code"]})  # the verifier and the nonce are those of another browser
    with pytest.raises(ProviderLoginFailed, match="invalid_grant"):
        await attacker.finish()


async def test_a_sign_in_expires(world: World) -> None:
    visit = await Visit(world).begin()
    parameters = await visit.authorize()
    world.clock.advance(seconds=LIFETIME.total_seconds())
    with pytest.raises(UnknownProviderLogin):
        await visit.respond(parameters)
    world.clock.advance(seconds=1)
    await world.run("auth.housekeeping")
    assert not world.port(ProviderLogins).rows


async def test_a_code_is_stored_sealed_and_only_until_it_is_exchanged(world: World) -> None:
    visit = await Visit(world).begin()
    parameters = await visit.authorize()
    request = ReceiveAuthorizationResponse(
        provider="corp", token=SecretStr(visit.begun.token), **{k: parameters[k] for k in ("code", "state", "iss")}
    )
    await world.call(request)
    [login] = world.port(ProviderLogins).rows.values()
    assert login.status is Status.RECEIVED and login.sealed_code is not None
    await world.settle()
    [login] = world.port(ProviderLogins).rows.values()
    assert login.status is Status.IDENTIFIED and login.sealed_code is None
    assert visit.begun.token not in repr(login)


async def test_a_denial_at_the_provider_ends_the_sign_in(world: World) -> None:
    visit = await Visit(world).begin()
    await visit.respond({"state": visit.begun.state, "iss": (await visit.authorize())["iss"], "error": "access_denied"})
    with pytest.raises(ProviderLoginFailed, match="access_denied"):
        await visit.finish()


async def test_a_provider_that_stays_down_ends_the_sign_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = 0

    async def unreachable(*_: object) -> ProviderClaims:
        nonlocal attempts
        attempts += 1
        raise Transient("connection refused")

    visit = await Visit(world).begin()
    parameters = await visit.authorize()
    monkeypatch.setattr(world.port(ProviderClient), "identify", unreachable)
    await visit.respond(parameters)
    with pytest.raises(ProviderLoginPending):
        await visit.finish()
    await world.advance(minutes=1)
    with pytest.raises(ProviderLoginFailed, match="could not be reached"):
        await visit.finish()
    assert attempts == 4 and world.dead_letters == []


async def test_addresses_of_the_metadata_are_checked(world: World, provider: OpenIdProvider) -> None:
    provider.metadata = {"token_endpoint": "http://127.0.0.2:1/token"}
    assert "needs https" in await failure(Visit(world))


async def test_metadata_of_another_issuer_and_a_private_provider_are_refused(provider: OpenIdProvider) -> None:
    provider.metadata = {"issuer": "https://evil.example"}
    for world in (World(settings(provider)), World(settings(provider, hosts="other.example"))):
        with pytest.raises(ProviderUnavailable):
            await world.call(ShowIdentityProvider(provider="corp"))


# -- details of providers -----------------------------------------------------------------------------------------------


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
