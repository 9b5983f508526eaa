"""What only PostgreSQL can decide for the deploy context: concurrent requests, and rows that constraints refuse."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import psycopg
import pytest

from functions.deploy.domain.application import Application
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.environment import Terms
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import ApplicationQuotaExceeded, DeploymentInProgress, OverQuota
from functions.deploy.domain.release import Release
from functions.deploy.services.work_admission import admit_work
from functions.runtime.storage.database import Database
from tests.adapters.deploy_stores import BUILT, NOW, Stores, add_application, add_deployment, new_application, on_postgres
from tests.servers import Databases


@pytest.fixture(scope="module")
def url(postgres: Databases) -> Iterator[str]:
    yield postgres.database("deploy").functions_url


@pytest.fixture
async def stored(url: str) -> AsyncIterator[Stores]:
    database = Database(url)
    yield on_postgres(database)
    await database.close()


async def test_concurrent_requests_do_not_exceed_the_quota(stored: Stores) -> None:
    owner = uuid4()
    async with stored.transaction():
        await stored.quotas.grant(Quota(owner, 3, 512, NOW))
    results = await asyncio.gather(*(add_application(stored, owner) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(each, Application) for each in results) == 3
    assert sum(isinstance(each, ApplicationQuotaExceeded) for each in results) == 5


async def test_concurrent_first_requests_are_counted_exactly(stored: Stores) -> None:
    owner = uuid4()
    results = await asyncio.gather(*(add_application(stored, owner) for _ in range(8)), return_exceptions=True)
    limit = Quota.default(owner, NOW).applications
    assert sum(isinstance(each, Application) for each in results) == limit
    async with stored.transaction():
        quota = await stored.quotas.find(owner)
    assert quota is not None
    assert quota.applications_used == limit


async def test_one_of_several_concurrent_requests_gets_the_name(stored: Stores) -> None:
    name = f"a{uuid4().hex[:12]}"

    async def add() -> None:
        async with stored.transaction():
            deployment = new_application(name=name)
            await stored.applications.add([(deployment, Quota.default(deployment.user_id, NOW))])

    results = await asyncio.gather(*(add() for _ in range(4)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in results) == ["ApplicationNameTaken"] * 3 + ["NoneType"]


async def test_one_of_several_concurrent_deployments_starts(stored: Stores) -> None:
    application = await add_application(stored)
    results = await asyncio.gather(*(add_deployment(stored, application) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(each, Deployment) for each in results) == 1
    assert sum(isinstance(each, DeploymentInProgress) for each in results) == 3


async def test_concurrent_releases_have_different_numbers(stored: Stores) -> None:
    application = await add_application(stored)

    async def release() -> int:
        async with stored.transaction():
            return (await stored.releases.add(Release.from_build(BUILT, application.id, Terms(), NOW))).number

    assert sorted(await asyncio.gather(*(release() for _ in range(4)))) == [1, 2, 3, 4]


async def test_a_release_is_immutable(stored: Stores) -> None:
    application = await add_application(stored)
    async with stored.transaction():
        release = await stored.releases.add(Release.from_build(BUILT, application.id, Terms(), NOW))
    assert stored.database is not None
    with pytest.raises(psycopg.errors.RestrictViolation, match="immutable"):
        async with stored.transaction():
            await stored.database.connection.execute("UPDATE releases SET image = image WHERE id = %s", (release.id,))


@pytest.mark.parametrize(
    "change", ["status = 'failed'", "status = 'succeeded', finished_at = now()", "reason = 'x'", "status = 'odd'", "attempt = 0"]
)
async def test_an_inconsistent_row_is_refused(stored: Stores, change: str) -> None:
    deployment = await add_deployment(stored, await add_application(stored))
    assert stored.database is not None
    with pytest.raises(psycopg.errors.CheckViolation):
        async with stored.transaction():
            await stored.database.connection.execute(f"UPDATE deployments SET {change} WHERE id = %s", (deployment.id,))


async def test_work_that_is_admitted_while_the_quota_shrinks_sees_the_new_limits(stored: Stores) -> None:
    owner = uuid4()
    for _ in range(2):
        await add_application(stored, owner)
    shrunk = asyncio.Event()

    async def shrink() -> None:
        async with stored.transaction():
            await stored.quotas.set(Quota(owner, 1, 512, NOW))
            shrunk.set()

    async def admit() -> None:
        await shrunk.wait()
        async with stored.transaction():
            await admit_work(stored.quotas, owner)

    results = await asyncio.gather(shrink(), admit(), return_exceptions=True)
    assert isinstance(results[1], OverQuota)
