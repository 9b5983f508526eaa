"""The contract of `ApiTokens`, on memory and on PostgreSQL."""

from datetime import timedelta

import pytest

from functions.auth.domain.api_token import MAX_TOKENS, ApiToken
from functions.auth.domain.rejections import (
    TokenNameTaken,
    TooManyTokens,
)
from functions.auth.domain.tokens import RETENTION, OpaqueToken
from functions.auth.domain.user import User
from functions.kernel import Scope, new_id
from tests.adapters.auth_stores import NOW, Stores, stored_user


async def added(stores: Stores, user: User, name: str) -> tuple[ApiToken, OpaqueToken]:
    token, text, _ = ApiToken.create(user, name, [Scope.READ, Scope.DEPLOY], 30, NOW)
    async with stores.transaction():
        await stores.api_tokens.add(token)
    return token, text


async def test_a_token_is_found_by_its_text_and_its_id_with_what_is_saved(stores: Stores) -> None:
    token, text = await added(stores, await stored_user(stores), "ci")
    token.use(NOW + timedelta(hours=1))
    async with stores.transaction():
        await stores.api_tokens.save(token)
        assert await stores.api_tokens.lock_by_hash(text) == await stores.api_tokens.lock(token.id) == token
        assert await stores.api_tokens.lock_by_hash(OpaqueToken("other")) is None
        assert await stores.api_tokens.lock(new_id()) is None


async def test_tokens_are_listed_for_their_user_until_they_are_revoked(stores: Stores) -> None:
    user, other = await stored_user(stores), await stored_user(stores)
    (first, _), (second, _) = await added(stores, user, "a"), await added(stores, user, "b")
    await added(stores, other, "a")
    async with stores.transaction():
        assert await stores.api_tokens.list_for_user(user.id) == [second, first]
        first.revoke(NOW)
        await stores.api_tokens.save(first)
        assert await stores.api_tokens.list_for_user(user.id) == [second]
        assert first.id in await stores.revoked.list_page(after=None, limit=10_000)


async def test_a_name_is_taken_until_its_token_is_revoked_and_the_number_is_limited(stores: Stores) -> None:
    user = await stored_user(stores)
    token, _ = await added(stores, user, "ci")
    with pytest.raises(TokenNameTaken):
        await added(stores, user, "ci")
    token.revoke(NOW)
    async with stores.transaction():
        await stores.api_tokens.save(token)
    await added(stores, user, "ci")
    async with stores.transaction():
        for index in range(MAX_TOKENS - 1):
            await stores.api_tokens.add(ApiToken.create(user, f"ci-{index}", [Scope.READ], 30, NOW)[0])
    with pytest.raises(TooManyTokens):
        await added(stores, user, "one more")


async def test_expired_and_revoked_tokens_are_pruned_after_their_retention(stores: Stores) -> None:
    user = await stored_user(stores)
    (expired, _), (revoked, _) = await added(stores, user, "a"), await added(stores, user, "b")
    revoked.revoke(NOW)
    async with stores.transaction():
        await stores.api_tokens.save(revoked)
        await stores.api_tokens.prune(NOW + RETENTION)
        assert await stores.api_tokens.lock(revoked.id) is not None
        await stores.api_tokens.prune(NOW + RETENTION + timedelta(seconds=1))
        assert await stores.api_tokens.lock(revoked.id) is None
        assert await stores.api_tokens.lock(expired.id) is not None
        await stores.api_tokens.prune(expired.expires_at + RETENTION + timedelta(seconds=1))
        assert await stores.api_tokens.lock(expired.id) is None
