"""The contract of `ServiceAccounts`, and of the API tokens that belong to them, on memory and on PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from functions.auth.adapters.postgres_service_accounts import PostgresServiceAccounts
from functions.auth.adapters.postgres_teams import PostgresTeams
from functions.auth.domain.api_token import ApiToken
from functions.auth.domain.rejections import TokenNameTaken
from functions.auth.domain.service_account import MAX_SERVICE_ACCOUNTS, ServiceAccount
from functions.auth.domain.team import Team
from functions.auth.domain.team_rejections import ServiceAccountNameTaken, ServiceAccountNotFound, TeamNotFound, TooManyServiceAccounts
from functions.auth.ports import ServiceAccounts, Teams
from functions.kernel import Caller, Grant, Permission, Permit, Role, Scope, TeamAccess, check_team, new_id
from tests.adapters.auth_stores import NOW, Stores, in_memory, in_postgres, stored_user
from tests.memory.auth_teams import MemoryServiceAccounts, MemoryTeams

CREATOR = new_id()


@dataclass
class World:
    stores: Stores
    teams: Teams
    accounts: ServiceAccounts

    async def team(self) -> tuple[Team, TeamAccess]:
        user = await stored_user(self.stores)
        team, owner, _ = Team.create("crew", user, NOW)
        async with self.stores.transaction():
            await self.teams.add(team, owner)
        return team, check_team(Permit(Caller(user.id), Permission.TEAM_MANAGE), owner, TeamNotFound())

    async def account(self, access: TeamAccess, name: str = "ci") -> ServiceAccount:
        account, _ = ServiceAccount.create(access, name, Role.DEVELOPER, NOW)
        async with self.stores.transaction():
            await self.accounts.add(account)
        return account

    async def token(self, account: ServiceAccount, name: str = "t") -> ApiToken:
        token, _, _ = ApiToken.create_for_service_account(account, CREATOR, name, [Scope.READ], 30, NOW)
        async with self.stores.transaction():
            await self.stores.api_tokens.add(token)
        return token


@pytest.fixture(scope="module")
def url(postgres: Any) -> str:
    return str(postgres.database("auth").functions_url)


@pytest.fixture(params=["memory", "postgres"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "memory":
        stores = in_memory()
        yield World(stores, MemoryTeams(stores.users), MemoryServiceAccounts())
        return
    async with in_postgres(request.getfixturevalue("url")) as stores:
        assert stores.database is not None
        yield World(stores, PostgresTeams(stores.database), PostgresServiceAccounts(stores.database))


async def test_a_service_account_is_read_with_checked_access_and_changed(world: World) -> None:
    _, access = await world.team()
    _, foreign = await world.team()
    account = await world.account(access)
    async with world.stores.transaction():
        assert await world.accounts.get(access, account.id) == await world.accounts.find(account.id) == account
        with pytest.raises(ServiceAccountNotFound):
            await world.accounts.get(foreign, account.id)
        account.change(access, Role.VIEWER, [Grant(new_id()), Grant(new_id(), "production")], NOW)
        account.disable(NOW)
        await world.accounts.save(account)
        found = await world.accounts.get(access, account.id)
        assert (found.role, set(found.grants), found.disabled_at) == (Role.VIEWER, set(account.grants), NOW)


async def test_a_deleted_one_is_found_by_its_id_only_and_its_name_is_free(world: World) -> None:
    _, access = await world.team()
    first, second = await world.account(access), await world.account(access, "other")
    with pytest.raises(ServiceAccountNameTaken):
        await world.account(access)
    async with world.stores.transaction():
        assert await world.accounts.list_of(access.team_id) == [first, second]
        first.delete(NOW)
        await world.accounts.save(first)
        assert await world.accounts.list_of(access.team_id) == [second]
        assert await world.accounts.find(first.id) == first
        assert await world.accounts.find(new_id()) is None
        with pytest.raises(ServiceAccountNotFound):
            await world.accounts.get(access, first.id)
    await world.account(access)


async def test_a_team_has_only_so_many(world: World) -> None:
    _, access = await world.team()
    for number in range(MAX_SERVICE_ACCOUNTS):
        await world.account(access, f"ci-{number}")
    with pytest.raises(TooManyServiceAccounts):
        await world.account(access)


async def test_its_tokens_are_its_own_and_get_other_ids(world: World) -> None:
    team, access = await world.team()
    account, other = await world.account(access), await world.account(access, "other")
    first, second = await world.token(account, "a"), await world.token(account, "b")
    foreign, tokens = await world.token(other, "a"), world.stores.api_tokens
    with pytest.raises(TokenNameTaken):
        await world.token(account, "a")
    async with world.stores.transaction():
        assert await tokens.list_for_user(account.id) == [second, first]
        ended = await tokens.refuse_all(account.id, NOW)
        assert {event.session_id for event in ended} == {first.id, second.id}
        assert {first.id, second.id} <= set(await world.stores.revoked.list_page(after=None, limit=10_000))
        new_ids = await tokens.replace_ids(account.id)
        renamed = await tokens.list_for_user(account.id)
        assert {new_ids[first.id], new_ids[second.id]} == {each.id for each in renamed}
        assert {each.created_by for each in renamed} == {CREATOR}
        assert {each.name for each in renamed} == {"a", "b"}
        assert not {first.id, second.id} & {each.id for each in renamed}
        assert {each.token_hash for each in renamed} == {first.token_hash, second.token_hash}
        assert await tokens.list_for_user(other.id) == [foreign]
        if world.stores.database:  # the tokens of a deleted team go with it
            await world.teams.delete(team.id)
            assert await tokens.list_for_user(account.id) == []
