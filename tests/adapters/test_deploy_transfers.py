"""Applications that move between teams, in PostgreSQL: concurrent transfers exceed no quota and do not wait for each other forever."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from functions.deploy.domain.application import Application
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import ApplicationQuotaExceeded
from functions.runtime.storage.database import Database
from tests.adapters.deploy_stores import NOW, Stores, add_application, on_postgres
from tests.servers import Databases


@pytest.fixture
async def stored(postgres: Databases) -> AsyncIterator[Stores]:
    database = Database(postgres.database("deploy").functions_url)
    yield on_postgres(database)
    await database.close()


async def move(stored: Stores, application: Application, team: UUID) -> None:
    """As `transfer_application` does, without access control."""
    async with stored.transaction():
        locked = await stored.applications.lock_any(application.id)
        former = locked.user_id
        locked.transfer(team, NOW)
        _, quota = await stored.quotas.lock_both(former, team)
        assert quota is not None
        quota.check_room(await stored.quotas.reserved_memory(application.id))
        await stored.applications.transfer(locked, former)


async def used(stored: Stores, *teams: UUID) -> list[int]:
    async with stored.transaction():
        return [quota.applications_used for each in teams if (quota := await stored.quotas.find(each))]


async def test_concurrent_transfers_take_the_last_place_once(stored: Stores) -> None:
    team, owners = uuid4(), [uuid4() for _ in range(4)]
    async with stored.transaction():
        await stored.quotas.grant(Quota(team, 1, 512, NOW))
    applications = [await add_application(stored, owner) for owner in owners]
    results = await asyncio.gather(*(move(stored, each, team) for each in applications), return_exceptions=True)
    assert sum(isinstance(each, ApplicationQuotaExceeded) for each in results) == 3
    assert sum(await used(stored, *owners)) == 3
    assert await used(stored, team) == [1]


async def test_transfers_in_both_directions_do_not_block_each_other(stored: Stores) -> None:
    first, second = uuid4(), uuid4()
    there, back = [await add_application(stored, first) for _ in range(2)], [await add_application(stored, second) for _ in range(2)]
    await asyncio.gather(*(move(stored, each, second) for each in there), *(move(stored, each, first) for each in back))
    assert await used(stored, first, second) == [2, 2]
    async with stored.transaction():
        assert [(await stored.applications.get_any(each.id)).user_id for each in (*there, *back)] == [second, second, first, first]
