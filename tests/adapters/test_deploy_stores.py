"""One suite over memory and over PostgreSQL: what the deploy context's use cases may rely on, whichever is behind their ports. What only a
database can decide stands in `test_deploy_at_once.py`."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.deploy.adapters import memory
from functions.deploy.adapters.postgres import PostgresApplications, PostgresQuotas
from functions.deploy.adapters.postgres_deployments import PostgresDeployments, PostgresReleases
from functions.deploy.adapters.postgres_environments import PostgresConfigurations, PostgresEnvironments
from functions.deploy.domain.application import Application, Quota
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.environment import Environment, Terms
from functions.deploy.domain.names import PRODUCTION, STAGING, ApplicationName
from functions.deploy.domain.observation import BuildBroken, Built, NotServing, Serving
from functions.deploy.domain.rejections import (
    ApplicationNameTaken,
    ApplicationNotFound,
    ApplicationQuotaExceeded,
    DeploymentInProgress,
    DeploymentNotFound,
    ReleaseNotFound,
)
from functions.deploy.domain.release import Release
from functions.deploy.domain.repository import Repository
from functions.deploy.domain.status import Status
from functions.deploy.ports import Applications, Configurations, Deployments, Environments, Quotas, Releases
from functions.kernel import Transient
from functions.runtime.database import Database
from tests.servers import Databases

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REPOSITORY = Repository.parse("https://git.example.com/ada/hello.git")
BUILT = Built("capsule.local/apps/hello@sha256:" + "a" * 64, "c" * 40, "python")


@dataclass
class Stores:
    quotas: Quotas
    applications: Applications
    releases: Releases
    deployments: Deployments
    environments: Environments
    configurations: Configurations
    database: Database | None = None

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        return self.database.transaction() if self.database else nothing()


@asynccontextmanager
async def nothing() -> AsyncIterator[None]:
    yield


@pytest.fixture(scope="module")
def url(postgres: Databases) -> Iterator[str]:
    yield postgres.database("deploy").functions_url


def on_postgres(database: Database) -> Stores:
    return Stores(
        PostgresQuotas(database),
        PostgresApplications(database),
        PostgresReleases(database),
        PostgresDeployments(database),
        PostgresEnvironments(database),
        PostgresConfigurations(database),
        database,
    )


@pytest.fixture(params=["memory", "postgres"])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Stores]:
    if request.param == "memory":
        quotas = memory.MemoryQuotas()
        yield Stores(
            quotas,
            memory.MemoryApplications(quotas),
            memory.MemoryReleases(),
            memory.MemoryDeployments(),
            memory.MemoryEnvironments(),
            memory.MemoryConfigurations(),
        )
        return
    database = Database(request.getfixturevalue("url"))
    yield on_postgres(database)
    await database.close()


def application(owner: UUID | None = None, name: str = "") -> Application:
    return Application.create(ApplicationName(name or f"a{uuid4().hex[:12]}"), REPOSITORY, owner=owner or uuid4(), at=NOW)


async def added(stores: Stores, owner: UUID | None = None) -> Application:
    made = application(owner)
    async with stores.transaction():
        await stores.applications.add(made, Quota.default(made.user_id, NOW))
    return made


async def requested(stores: Stores, of: Application, environment: str = STAGING, at: datetime = NOW) -> Deployment:
    made = Deployment.request(of, environment, None, Terms(), None, correlation_id="c-1", at=at)
    async with stores.transaction():
        await stores.deployments.add(made)
    return made


async def moved(stores: Stores, deployment: Deployment, *seen: Any, at: datetime = NOW) -> Deployment:
    for each in seen:
        async with stores.transaction():
            found = await stores.deployments.locked(deployment.id)
            progress = found.observe(each, at)
            if progress.release:
                found.cut(await stores.releases.add(progress.release), at)
            await stores.deployments.save(found)
    async with stores.transaction():
        return await stores.deployments.get(deployment.id)


async def test_an_application_comes_back_as_it_went_in(stores: Stores) -> None:
    made = await added(stores)
    async with stores.transaction():
        assert await stores.applications.get(made.id) == made
        assert await stores.applications.locked(made.id) == made
        with pytest.raises(ApplicationNotFound):
            await stores.applications.get(uuid4())


async def test_a_name_is_taken_until_its_application_is_gone(stores: Stores) -> None:
    made = await added(stores)
    for step in (made.destroy, None):
        with pytest.raises(ApplicationNameTaken):
            async with stores.transaction():
                other = application(name=made.name)
                await stores.applications.add(other, Quota.default(other.user_id, NOW))
        if step:
            step(NOW)
            async with stores.transaction():
                await stores.applications.save(made)
    made.destroyed()
    async with stores.transaction():
        await stores.applications.save(made)
        other = application(name=made.name)
        await stores.applications.add(other, Quota.default(other.user_id, NOW))


async def test_the_quota_is_counted_and_given_back(stores: Stores) -> None:
    owner = uuid4()
    async with stores.transaction():
        await stores.quotas.grant(Quota(owner, 2, 512, NOW))
        await stores.quotas.grant(Quota(owner, 9, 9, NOW))
    await added(stores, owner)
    await added(stores, owner)
    with pytest.raises(ApplicationQuotaExceeded):
        await added(stores, owner)
    async with stores.transaction():
        assert await stores.quotas.find(owner) == Quota(owner, 2, 512, NOW, 2)
        await stores.quotas.give_back(owner)
    await added(stores, owner)


async def test_a_quota_is_set_and_what_is_used_stays_counted(stores: Stores) -> None:
    owner = uuid4()
    async with stores.transaction():
        await stores.quotas.set(Quota(owner, 2, 512, NOW))
    await added(stores, owner)
    async with stores.transaction():
        await stores.quotas.set(Quota(owner, 25, 1024, NOW))
    async with stores.transaction():
        assert await stores.quotas.find(owner) == Quota(owner, 25, 1024, NOW, 1)


async def test_who_has_no_quota_yet_gets_the_default(stores: Stores) -> None:
    owner = uuid4()
    async with stores.transaction():
        assert await stores.quotas.find(owner) is None
    await added(stores, owner)
    async with stores.transaction():
        assert await stores.quotas.find(owner) == replace(Quota.default(owner, NOW), applications_used=1)


async def test_a_page_has_the_user_s_active_applications_newest_first(stores: Stores) -> None:
    owner = uuid4()
    made = [await added(stores, owner) for _ in range(4)]
    await added(stores)
    made[1].destroy(NOW)
    async with stores.transaction():
        await stores.applications.save(made[1])
        first = await stores.applications.page(owner, before=None, limit=2)
        second = await stores.applications.page(owner, before=first[-1].id, limit=2)
    assert [each.id for each in (*first, *second)] == [made[3].id, made[2].id, made[0].id]


async def test_a_stale_application_is_not_saved(stores: Stores) -> None:
    made = await added(stores)
    async with stores.transaction():
        first, second = await stores.applications.get(made.id), await stores.applications.get(made.id)
        first.destroy(NOW)
        await stores.applications.save(first)
        with pytest.raises(Transient):
            await stores.applications.save(second)


async def test_a_deployment_comes_back_with_its_steps(stores: Stores) -> None:
    made = await requested(stores, await added(stores))
    async with stores.transaction():
        found = await stores.deployments.get(made.id)
        assert found == made
        found.building(1, NOW + timedelta(seconds=1))
        await stores.deployments.save(found)
        assert await stores.deployments.get(made.id) == found
        with pytest.raises(DeploymentNotFound):
            await stores.deployments.get(uuid4())
    assert [(step.step, step.finished_at is None) for step in found.steps] == [("requested", False), ("building", True)]


async def test_a_stale_deployment_is_not_saved(stores: Stores) -> None:
    made = await requested(stores, await added(stores))
    async with stores.transaction():
        first, second = await stores.deployments.get(made.id), await stores.deployments.get(made.id)
        for each in (first, second):
            each.building(1, NOW)
        await stores.deployments.save(first)
        with pytest.raises(Transient):
            await stores.deployments.save(second)


async def test_one_running_deployment_in_each_environment(stores: Stores) -> None:
    of = await added(stores)
    made = await requested(stores, of)
    with pytest.raises(DeploymentInProgress):
        await requested(stores, of)
    await requested(stores, of, PRODUCTION)
    await moved(stores, made, BuildBroken("build-failed", "no"))
    await requested(stores, of)


async def test_what_a_deployment_awaits_finds_it(stores: Stores) -> None:
    of = await added(stores)
    made = await requested(stores, of)
    production = await requested(stores, of, PRODUCTION)

    async def awaiting(kind: str, name: str, namespace: str = "") -> UUID | None:
        async with stores.transaction():
            found = await stores.deployments.awaiting(kind, namespace or of.namespace, name)
        return found.id if found else None

    assert await awaiting("Job", made.job) == made.id
    assert await awaiting("Job", production.job) == production.id
    assert await awaiting("Service", made.service) is None
    assert await awaiting("Job", made.job, "app-other") is None
    assert await awaiting("Job", made.job, "capsule") is None
    await moved(stores, made, BUILT)
    assert await awaiting("Job", made.job) is None
    assert await awaiting("Service", made.service) == made.id
    await moved(stores, made, Serving("http://x.localhost"))
    assert await awaiting("Service", made.service) is None


async def test_releases_are_numbered_by_application(stores: Stores) -> None:
    one, other = await added(stores), await added(stores)
    async with stores.transaction():
        kept = [await stores.releases.add(Release.of(BUILT, of.id, Terms(), NOW)) for of in (one, other, one)]
        assert [each.number for each in kept] == [1, 1, 2]
        assert await stores.releases.get(kept[2].id) == kept[2]
        assert await stores.releases.numbered(one.id, 2) == kept[2]
        assert await stores.releases.page(one.id, before=None, limit=5) == [kept[2], kept[0]]
        assert await stores.releases.page(one.id, before=2, limit=5) == [kept[0]]
        with pytest.raises(ReleaseNotFound):
            await stores.releases.numbered(other.id, 2)


async def test_the_last_good_and_the_latest_of_each_environment(stores: Stores) -> None:
    of = await added(stores)
    async with stores.transaction():
        assert await stores.deployments.last_good(Environment(of.id, "staging", NOW)) is None
        assert await stores.deployments.latest(of.id) == []
    good = await moved(stores, await requested(stores, of), BUILT, Serving("http://x.localhost"))
    bad = await moved(stores, await requested(stores, of), BUILT, NotServing("not-ready", "no"))
    production = await requested(stores, of, PRODUCTION)
    async with stores.transaction():
        found = await stores.deployments.last_good(Environment(of.id, "staging", NOW))
        assert found is not None
        assert (found.id, found.url, found.status) == (good.id, "http://x.localhost", Status.SUCCEEDED)
        assert [each.id for each in await stores.deployments.latest(of.id)] == [production.id, bad.id]
        assert [each.id for each in await stores.deployments.page(of.id, before=None, limit=2)] == [production.id, bad.id]
        assert [each.id for each in await stores.deployments.page(of.id, before=bad.id, limit=2)] == [good.id]
        assert [each.id for each in await stores.deployments.running_of(of.id)] == [production.id]


async def test_stuck_ones_are_those_that_run_and_whose_reminder_has_not_come(stores: Stores) -> None:
    of = await added(stores)
    ended = await moved(
        stores, await requested(stores, of, at=NOW - timedelta(days=30)), BuildBroken("build-failed", "no"), at=NOW - timedelta(days=30)
    )
    quiet = await requested(stores, of, at=NOW - timedelta(days=30))
    busy = await requested(stores, of, PRODUCTION, at=NOW - timedelta(days=20))
    async with stores.transaction():
        found = {each.id for each in await stores.deployments.stuck(NOW - timedelta(days=25), 100)}
    assert quiet.id in found
    assert not found & {ended.id, busy.id}


async def test_running_ones_are_given_with_their_steps_so_that_ending_them_closes_those(stores: Stores) -> None:
    of = await added(stores)
    made = await requested(stores, of)
    async with stores.transaction():
        for each in await stores.deployments.running_of(of.id):
            each.fail("application-destroyed", "gone", NOW + timedelta(seconds=9))
            await stores.deployments.save(each)
        found = await stores.deployments.get(made.id)
    assert (found.status, found.reason, found.steps[-1].finished_at) == ("failed", "application-destroyed", NOW + timedelta(seconds=9))
