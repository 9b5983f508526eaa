"""What PostgreSQL alone decides for the deploy context: several at once, and rows that must not be."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import psycopg
import pytest

from functions.deploy.domain.application import Application, Quota
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.environment import Terms
from functions.deploy.domain.rejections import ApplicationQuotaExceeded, DeploymentInProgress
from functions.deploy.domain.release import Release
from functions.runtime.storage.database import Database
from tests.adapters.deploy_stores import BUILT, NOW, Stores, added, application, on_postgres, requested
from tests.servers import Databases


@pytest.fixture(scope="module")
def url(postgres: Databases) -> Iterator[str]:
    yield postgres.database("deploy").functions_url


@pytest.fixture
async def stored(url: str) -> AsyncIterator[Stores]:
    database = Database(url)
    yield on_postgres(database)
    await database.close()


async def test_of_many_at_once_only_as_many_as_the_quota_allows_are_made(stored: Stores) -> None:
    owner = uuid4()
    async with stored.transaction():
        await stored.quotas.grant(Quota(owner, 3, 512, NOW))
    ended = await asyncio.gather(*(added(stored, owner) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(each, Application) for each in ended) == 3
    assert sum(isinstance(each, ApplicationQuotaExceeded) for each in ended) == 5


async def test_of_many_at_once_who_have_no_quota_yet_none_is_counted_wrongly(stored: Stores) -> None:
    owner = uuid4()
    ended = await asyncio.gather(*(added(stored, owner) for _ in range(8)), return_exceptions=True)
    limit = Quota.default(owner, NOW).applications
    assert sum(isinstance(each, Application) for each in ended) == limit
    async with stored.transaction():
        found = await stored.quotas.find(owner)
    assert found is not None
    assert found.applications_used == limit


async def test_of_many_at_once_one_gets_the_name(stored: Stores) -> None:
    name = f"a{uuid4().hex[:12]}"

    async def add() -> None:
        async with stored.transaction():
            made = application(name=name)
            await stored.applications.add(made, Quota.default(made.user_id, NOW))

    ended = await asyncio.gather(*(add() for _ in range(4)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in ended) == ["ApplicationNameTaken"] * 3 + ["NoneType"]


async def test_of_many_at_once_one_deploys(stored: Stores) -> None:
    of = await added(stored)
    ended = await asyncio.gather(*(requested(stored, of) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(each, Deployment) for each in ended) == 1
    assert sum(isinstance(each, DeploymentInProgress) for each in ended) == 3


async def test_releases_that_come_at_once_have_numbers_of_their_own(stored: Stores) -> None:
    of = await added(stored)

    async def release() -> int:
        async with stored.transaction():
            return (await stored.releases.add(Release.of(BUILT, of.id, Terms(), NOW))).number

    assert sorted(await asyncio.gather(*(release() for _ in range(4)))) == [1, 2, 3, 4]


async def test_a_release_never_changes(stored: Stores) -> None:
    of = await added(stored)
    async with stored.transaction():
        kept = await stored.releases.add(Release.of(BUILT, of.id, Terms(), NOW))
    assert stored.database is not None
    with pytest.raises(psycopg.errors.RestrictViolation, match="immutable"):
        async with stored.transaction():
            await stored.database.connection.execute("UPDATE releases SET image = image WHERE id = %s", (kept.id,))


@pytest.mark.parametrize(
    "change", ["status = 'failed'", "status = 'succeeded', finished_at = now()", "reason = 'x'", "status = 'odd'", "attempt = 0"]
)
async def test_no_row_tells_half_a_story(stored: Stores, change: str) -> None:
    made = await requested(stored, await added(stored))
    assert stored.database is not None
    with pytest.raises(psycopg.errors.CheckViolation):
        async with stored.transaction():
            await stored.database.connection.execute(f"UPDATE deployments SET {change} WHERE id = %s", (made.id,))
