"""Attacks on a sign-in with a provider: forged tokens, responses of others, stolen codes, a provider that fails."""

import json
import time

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey
from pydantic import SecretStr

from functions.auth.commands.receive_authorization_response import ReceiveAuthorizationResponse
from functions.auth.domain.identity import ProviderClaims
from functions.auth.domain.provider_login import LIFETIME, Status
from functions.auth.domain.sign_in_rejections import (
    InvalidAuthorizationResponse,
    ProviderEmailUnverified,
    ProviderLoginFailed,
    ProviderLoginPending,
    ProviderUnavailable,
    UnknownProviderLogin,
)
from functions.auth.ports import ProviderClient, ProviderLogins
from functions.auth.queries.identity_provider import ShowIdentityProvider
from functions.kernel import Transient
from tests.auth.openid_provider import CLIENT_ID, CLIENT_SECRET, Json, OpenIdProvider, new_key
from tests.auth.provider_visit import Visit, failure, settings
from tests.auth.world import World


@pytest.fixture
def world(provider: OpenIdProvider) -> World:
    return World(settings(provider))


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


def in_ascii(claims: Json, key: ECKey) -> str:
    return jws.serialize_compact({"alg": "ES256", "kid": key.kid}, json.dumps(claims), key)


@pytest.mark.parametrize("subject", ["", "a\x00b", "a\ud800", "é", "a\nb", "a" * 256, 5, ["42"]], ids=repr)
async def test_a_subject_that_cannot_be_one_is_refused(world: World, provider: OpenIdProvider, subject: object) -> None:
    provider.user["sub"], provider.encode = subject, in_ascii
    assert await failure(Visit(world))


@pytest.mark.parametrize("email", ["ada\x00@example.org", "ada\ud800@example.org", "ada@example.org\n"], ids=repr)
async def test_an_address_that_cannot_be_stored_is_none(world: World, provider: OpenIdProvider, email: str) -> None:
    provider.user["email"], provider.encode = email, in_ascii
    with pytest.raises(ProviderEmailUnverified):
        await Visit(world).sign_in()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("token_endpoint_auth_methods_supported", value) for value in (5, "client_secret_basic", [5], {"a": 1})),
        *(("id_token_signing_alg_values_supported", value) for value in (5, "RS256", [None])),
        *(("token_endpoint", value) for value in (5, "", "gopher://a", "https://\ud800/")),
        *(("jwks_uri", value) for value in (5, "", "ftp://a")),
    ],
)
async def test_odd_metadata_ends_the_sign_in(world: World, provider: OpenIdProvider, name: str, value: object) -> None:
    provider.metadata[name] = value
    assert await failure(Visit(world))


async def test_a_token_nested_too_deep_is_refused(world: World, provider: OpenIdProvider) -> None:
    deep = "[" * 20_000 + "]" * 20_000
    provider.encode = lambda claims, key: jws.serialize_compact({"alg": "ES256", "kid": key.kid}, '{"a": ' + deep + "}", key)
    assert "not valid" in await failure(Visit(world))


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
