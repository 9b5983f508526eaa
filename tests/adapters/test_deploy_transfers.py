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


async def test_who_locks_the_applications_of_a_team_does_not_get_one_that_moved_away_meanwhile(stored: Stores) -> None:
    first, second = uuid4(), uuid4()
    moving, _, _ = [await add_application(stored, each) for each in (first, first, second)]
    moved, locking = asyncio.Event(), asyncio.Event()

    async def move_slowly() -> None:
        async with stored.transaction():
            application = await stored.applications.lock_any(moving.id)
            application.transfer(second, NOW)
            await stored.applications.transfer(application, first)
            moved.set()
            await locking.wait()
            await asyncio.sleep(0.2)  # the other transaction waits for the row by then

    async def lock() -> list[UUID]:
        await moved.wait()
        async with stored.transaction():
            locking.set()
            return [each.id for each in await stored.applications.lock_all(first)]

    _, locked = await asyncio.gather(move_slowly(), lock())
    assert len(locked) == 1 and moving.id not in locked
    async with stored.transaction():
        application = await stored.applications.get_any(moving.id)
    assert (application.user_id, application.transferred_from, application.transferred_at) == (second, first, NOW)
