"""API tokens: create, list, exchange, revoke."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from pydantic import SecretStr, ValidationError

from events.auth import ApiTokenCreated, ApiTokenRevoked, SessionEnded
from functions.auth.commands.create_token import CreatedTokenView, CreateToken
from functions.auth.commands.exchange_token import ExchangedTokenView, ExchangeToken
from functions.auth.commands.revoke_token import RevokeToken
from functions.auth.domain.access_grant import AccessGrant
from functions.auth.domain.api_token import MAX_TOKENS, USE_PRECISION
from functions.auth.domain.rejections import (
    InvalidApiToken,
    InvalidTokenScopes,
    TokenNameTaken,
    TokenNotFound,
    TooManyTokens,
)
from functions.auth.domain.user import Role
from functions.auth.ports import ApiTokens
from functions.auth.queries.tokens import ListTokens
from functions.kernel import RECENT_LOGIN, Caller, Forbidden, RecentLoginRequired, Scope, new_id
from functions.wire import api_tokens
from tests.auth.world import World
from tests.memory.auth_tokens import MemoryApiTokens


async def owner(world: World) -> Caller:
    """A user who has just signed in."""
    created = await world.verified_user()
    return Caller(created.user_id, authenticated_at=world.clock.now())


async def create(world: World, caller: Caller, name: str = "ci", scopes: Sequence[Scope] = (Scope.READ,), days: int = 90) -> CreatedTokenView:
    view = await world.call(CreateToken(name=name, scopes=list(scopes), expires_in_days=days), caller=caller)
    assert isinstance(view, CreatedTokenView)
    return view


async def exchange(world: World, text: str) -> ExchangedTokenView:
    view = await world.call(ExchangeToken(token=SecretStr(text)))
    assert isinstance(view, ExchangedTokenView)
    return view


async def names(world: World, caller: Caller) -> list[str]:
    return [each.name for each in (await world.call(ListTokens(), caller=caller)).items]


async def test_a_token_is_shown_once_and_only_its_hash_is_stored(world: World) -> None:
    caller = await owner(world)
    created = await create(world, caller, "ci", [Scope.DEPLOY, Scope.READ, Scope.READ])
    assert api_tokens.is_well_formed(created.token)
    assert created.scopes == [Scope.DEPLOY, Scope.READ]
    assert created.expires_at == world.clock.now() + timedelta(days=90)
    (event,) = world.events(ApiTokenCreated)
    assert (event.token_id, event.scopes) == (created.id, ("deploy", "read"))
    tokens: MemoryApiTokens = world.port(ApiTokens)
    listed = await world.call(ListTokens(), caller=caller)
    for text in (repr(tokens.rows), listed.model_dump_json(), event.model_dump_json()):
        assert created.token not in text and created.token[len(api_tokens.PREFIX) :] not in text
    assert listed.items[0].model_dump() == created.model_dump(exclude={"token"})


async def test_a_token_is_exchanged_for_an_access_token_and_its_use_is_recorded_coarsely(world: World) -> None:
    caller = await owner(world)
    created = await create(world, caller)
    used_at = []
    for _ in range(3):
        view = await exchange(world, created.token)
        assert view.access_token == f"access of {caller.user_id} in {created.id}"
        used_at.append((await world.call(ListTokens(), caller=caller)).items[0].last_used_at)
        world.clock.at += USE_PRECISION / 2
    assert used_at[0] == used_at[1] == used_at[2] - USE_PRECISION


async def test_unknown_expired_revoked_and_orphaned_tokens_are_refused(world: World) -> None:
    caller = await owner(world)
    expired, revoked, orphaned = [await create(world, caller, name, days=days) for name, days in (("a", 1), ("b", 9), ("c", 9))]
    await world.call(RevokeToken(token_id=revoked.id), caller=caller)
    with pytest.raises(InvalidApiToken, match="unknown"):
        await exchange(world, api_tokens.new_token())
    with pytest.raises(InvalidApiToken, match='"b" has been revoked'):
        await exchange(world, revoked.token)
    await exchange(world, expired.token)
    world.clock.advance(days=1)
    with pytest.raises(InvalidApiToken, match=f'"a" expired on {expired.expires_at:%Y-%m-%d}'):
        await exchange(world, expired.token)
    del world.users.rows[caller.user_id]
    with pytest.raises(InvalidApiToken, match="unknown"):
        await exchange(world, orphaned.token)


async def test_revoking_has_the_access_tokens_refused_and_is_idempotent(world: World) -> None:
    caller = await owner(world)
    created = await create(world, caller)
    for _ in range(2):
        await world.call(RevokeToken(token_id=created.id), caller=caller)
    assert len(world.events(ApiTokenRevoked)) == 1
    assert [(each.session_id, each.reason) for each in world.events(SessionEnded)] == [(created.id, "token-revoked")]
    assert created.id in world.sessions.revoked.rows
    assert await names(world, caller) == []
    await create(world, caller)  # its name is free again


async def test_foreign_and_unknown_tokens_are_not_found(world: World) -> None:
    created = await create(world, await owner(world))
    stranger = Caller(new_id())
    assert await names(world, stranger) == []
    for token_id in (created.id, new_id()):
        with pytest.raises(TokenNotFound):
            await world.call(RevokeToken(token_id=token_id), caller=stranger)
    assert not world.events(ApiTokenRevoked)


async def test_names_are_unique_and_tokens_limited(world: World) -> None:
    caller = await owner(world)
    await create(world, caller, "ci")
    with pytest.raises(TokenNameTaken):
        await create(world, caller, " ci ")
    for index in range(MAX_TOKENS - 1):
        await create(world, caller, f"ci-{index}")
    with pytest.raises(TooManyTokens):
        await create(world, caller, "one-more")


@pytest.mark.parametrize(
    "fields",
    [{"scopes": []}, {"scopes": ["everything"]}, {"expiresInDays": 0}, {"expiresInDays": 366}, {"name": "  "}, {"name": "a\nb"}, {"name": "x" * 65}],
)
def test_invalid_input_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CreateToken.model_validate({"name": "ci", "scopes": ["read"], **fields})


async def test_the_scope_admin_needs_the_role_and_gives_it(world: World) -> None:
    caller = await owner(world)
    with pytest.raises(InvalidTokenScopes):
        await create(world, caller, scopes=[Scope.ADMIN])
    world.users.rows[caller.user_id].roles = frozenset(Role)
    await create(world, caller, scopes=[Scope.ADMIN])
    both = [Role.ADMIN, Role.USER]
    assert AccessGrant(new_id()).roles(both) == AccessGrant(new_id(), scopes=[Scope.ADMIN]).roles(both) == both
    assert AccessGrant(new_id(), scopes=[Scope.READ, Scope.DEPLOY]).roles(both) == [Role.USER]


async def test_creating_a_token_needs_a_recent_login_and_no_token_can(world: World) -> None:
    caller = await owner(world)
    world.clock.at += RECENT_LOGIN
    await create(world, caller)
    world.clock.advance(seconds=1)
    with pytest.raises(RecentLoginRequired):
        await create(world, caller, "later")
    with pytest.raises(RecentLoginRequired):
        await create(world, Caller(caller.user_id), "without-a-time")
    with pytest.raises(Forbidden, match="An API token cannot do this"):
        await create(world, Caller(caller.user_id, scopes=frozenset(Scope), authenticated_at=world.clock.now()))


async def test_old_tokens_are_pruned(world: World) -> None:
    caller = await owner(world)
    expired, revoked = await create(world, caller, "a", days=1), await create(world, caller, "b")
    await world.call(RevokeToken(token_id=revoked.id), caller=caller)
    tokens: MemoryApiTokens = world.port(ApiTokens)
    left: list[set[UUID]] = []
    for days in (7, 1, 1):
        world.clock.advance(days=days, seconds=1)
        await world.run("auth.housekeeping")
        left.append(set(tokens.rows))
    assert left == [{expired.id}, set(), set()]


def test_the_checksum_tells_tokens_from_other_text() -> None:
    token = api_tokens.new_token()
    assert api_tokens.is_well_formed(token) and api_tokens.is_api_token(token)
    swapped = token[:-1] + ("a" if token[-1] != "a" else "b")
    for other in (token[:-1], token + "a", swapped, token.replace("capsule_pat_", "capsule_pbt_"), f" {token}", f"{token}\n", ""):
        assert not api_tokens.is_well_formed(other), other
