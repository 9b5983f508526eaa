"""The contracts of `Identities` and `ProviderLogins`, on memory and on PostgreSQL."""

from datetime import timedelta

import pytest

from functions.auth.domain.identity import Identity, IdentityProvider, ProviderClaims
from functions.auth.domain.provider_login import LIFETIME, BrowserToken, ProviderLogin
from functions.auth.domain.sign_in_rejections import (
    IdentityTaken,
)
from functions.auth.domain.tokens import OpaqueToken
from functions.kernel import new_id
from tests.adapters.auth_stores import NOW, Stores, stored_user

CORP = IdentityProvider("corp", "Example", "https://sso.example.com", "capsule", "secret")


def claims(subject: str, issuer: str = CORP.issuer) -> ProviderClaims:
    return ProviderClaims(issuer=issuer, subject=subject, email="ada@example.org", is_email_verified=True, name="Ada")


async def test_an_identity_is_known_by_issuer_and_subject_and_belongs_to_one_user(stores: Stores) -> None:
    user, other, subject = await stored_user(stores), await stored_user(stores), new_id().hex
    identity, _ = Identity.link(user.id, "corp", claims(subject), NOW)
    elsewhere, _ = Identity.link(user.id, "other", claims(subject, "https://other.example.com"), NOW)
    async with stores.transaction():
        await stores.identities.add(identity)
        with pytest.raises(IdentityTaken):
            await stores.identities.add(Identity.link(other.id, "corp", claims(subject), NOW)[0])
        await stores.identities.add(elsewhere)
    identity.last_used_at = NOW + timedelta(hours=1)
    async with stores.transaction():
        await stores.identities.save(identity)
        assert await stores.identities.lock_by_subject(CORP.issuer, subject) == identity
        assert await stores.identities.lock_by_subject(CORP.issuer, "other") is None
        assert list(await stores.identities.lock_for_user(user.id)) == list(await stores.identities.list_for_user(user.id)) == [identity, elsewhere]
        for _ in range(2):
            await stores.identities.delete(identity.id)
        assert await stores.identities.list_for_user(user.id) == [elsewhere] and not await stores.identities.list_for_user(other.id)


async def test_a_sign_in_is_found_by_its_token_with_what_is_saved(stores: Stores) -> None:
    user, token = await stored_user(stores), BrowserToken.new()
    login = ProviderLogin.begin("corp", token, user.id, NOW)
    async with stores.transaction():
        await stores.provider_logins.add(login)
        assert await stores.provider_logins.lock_by_token(token.token) == await stores.provider_logins.get(login.id) == login
        assert await stores.provider_logins.lock_by_token(OpaqueToken("other")) is None is await stores.provider_logins.lock(new_id())
    login.receive(CORP, token, token.state, CORP.issuer, NOW)
    login.accept_code("sealed:k:code", NOW)
    async with stores.transaction():
        await stores.provider_logins.save(login)
        assert await stores.provider_logins.lock(login.id) == login
    login.identify(claims("1"))
    async with stores.transaction():
        await stores.provider_logins.save(login)
        assert await stores.provider_logins.lock(login.id) == login
    login.fail("The provider answered nonsense." * 100)
    async with stores.transaction():
        await stores.provider_logins.save(login)
        assert await stores.provider_logins.lock(login.id) == login


async def test_expired_sign_ins_are_pruned(stores: Stores) -> None:
    old, new = BrowserToken.new(), BrowserToken.new()
    async with stores.transaction():
        await stores.provider_logins.add(ProviderLogin.begin("corp", old, None, NOW - LIFETIME - timedelta(seconds=1)))
        await stores.provider_logins.add(ProviderLogin.begin("corp", new, None, NOW))
        assert await stores.provider_logins.prune(NOW) >= 1
        assert await stores.provider_logins.lock_by_token(old.token) is None is not await stores.provider_logins.lock_by_token(new.token)


async def test_whether_a_user_has_a_password_is_stored(stores: Stores) -> None:
    user = await stored_user(stores)
    user.has_password = False
    async with stores.transaction():
        await stores.users.save(user)
        found = await stores.users.get(user.id)
    assert found is not None and not found.has_password
