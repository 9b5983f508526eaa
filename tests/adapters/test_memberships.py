"""The contract of `Memberships`, on memory and on PostgreSQL. Every context but auth has the same tables."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from functions.kernel import Grant, Membership, Memberships, Role, new_id
from functions.runtime.reliability.memberships import PostgresMemberships
from functions.runtime.storage.database import Database
from tests.memory.memberships import MemoryMemberships


class Store:
    def __init__(self, memberships: Memberships, database: Database | None = None) -> None:
        self.memberships = memberships
        self._database = database

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        return self._database.transaction() if self._database else nullcontext()


@pytest.fixture(scope="module")
def url(postgres: Any) -> str:
    return str(postgres.database("deploy").functions_url)


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield Store(MemoryMemberships())
        return
    database = Database(request.getfixturevalue("url"))
    try:
        yield Store(PostgresMemberships(database), database)
    finally:
        await database.close()


async def test_a_membership_is_replaced_by_a_newer_one_only(store: Store) -> None:
    memberships, team, user = store.memberships, uuid4(), uuid4()
    grants = (Grant(uuid4(), "production"), Grant(uuid4(), None))
    first, second = (Membership(new_id(), team, user, role, grants) for role in (Role.VIEWER, Role.ADMIN))
    async with store.transaction():
        assert await memberships.find(team, user) is None
        await memberships.save(first)
        changed = replace(first, role=Role.DEVELOPER, grants=())
        await memberships.save(changed)
        assert await memberships.find(team, user) == changed
        await memberships.save(second)
        await memberships.save(first)  # arrives late
        await memberships.remove(first.id)
        assert await memberships.find(team, user) == second
        assert await memberships.list_of(user) == [Membership.personal(user), second]
        await memberships.remove(second.id)
        await memberships.remove(second.id)
        assert await memberships.find(team, user) is None


async def test_the_personal_team_needs_no_row(store: Store) -> None:
    user = uuid4()
    async with store.transaction():
        assert await store.memberships.find(user, user) == Membership.personal(user)
        assert await store.memberships.list_of(user) == [Membership.personal(user)]


async def test_a_team_has_a_name_and_goes_with_its_members(store: Store) -> None:
    memberships, membership, other = store.memberships, Membership(new_id(), uuid4(), uuid4(), Role.OWNER), uuid4()
    async with store.transaction():
        await memberships.save_team(membership.team_id, "crew")
        await memberships.save_team(membership.team_id, "renamed")
        await memberships.save(membership)
        assert await memberships.names([membership.team_id, other]) == {membership.team_id: "renamed"}
        await memberships.remove_team(membership.team_id)
        assert await memberships.names([membership.team_id]) == {}
        assert await memberships.names([]) == {}
        assert await memberships.find(membership.team_id, membership.user_id) is None
