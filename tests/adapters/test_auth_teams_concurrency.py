"""Changes of one team happen one after another, on what the former one has left (PostgreSQL only)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from functions.auth.adapters.postgres_teams import PostgresTeams
from functions.auth.domain.team import Team
from functions.auth.services.access_control import AccessControl
from functions.kernel import Caller, Forbidden, Membership, Permission, Permit, Role, new_id
from tests.adapters.auth_stores import NOW, Stores, in_postgres, stored_user
from tests.servers import Databases


@pytest.fixture(scope="module")
def url(postgres: Databases) -> Iterator[str]:
    yield postgres.database("auth").functions_url


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    async with in_postgres(url) as stores:
        yield stores


async def test_a_permission_is_checked_again_under_the_lock(stores: Stores) -> None:
    assert stores.database is not None
    teams, owner, user = PostgresTeams(stores.database), await stored_user(stores), await stored_user(stores)
    team, of_owner, _ = Team.create("crew", owner, NOW)
    admin, is_locked = Membership(new_id(), team.id, user.id, Role.ADMIN), asyncio.Event()
    async with stores.transaction():
        await teams.add(team, of_owner)
        await teams.add_member(admin, NOW)

    async def demote() -> None:
        async with stores.transaction():
            await teams.lock_any(team.id)
            is_locked.set()
            await asyncio.sleep(0.1)
            await teams.save_member(replace(admin, role=Role.VIEWER))

    async def manage() -> None:
        await is_locked.wait()
        async with stores.transaction():
            await AccessControl(teams).lock_shared_team(Permit(Caller(user.id), Permission.TEAM_MANAGE), team.id)

    demoted, managed = await asyncio.gather(demote(), manage(), return_exceptions=True)
    assert demoted is None
    assert isinstance(managed, Forbidden)
