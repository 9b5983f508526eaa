"""Contract of releases and deployments, run in memory and on PostgreSQL."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from functions.deploy.domain.deployment import Status
from functions.deploy.domain.environment import Environment, Terms
from functions.deploy.domain.names import PRODUCTION
from functions.deploy.domain.observation import BuildJobFailed, ServiceFailed, ServiceReady
from functions.deploy.domain.rejections import (
    DeploymentInProgress,
    DeploymentNotFound,
    ReleaseNotFound,
)
from functions.deploy.domain.release import Release
from functions.kernel import Transient
from tests.adapters.deploy_stores import BUILT, NOW, Stores, add_application, add_deployment, observe, stores, url

__all__ = ["stores", "url"]

LONG_AGO = NOW - timedelta(days=30)


async def test_a_stored_deployment_is_read_with_its_steps(stores: Stores) -> None:
    deployment = await add_deployment(stores, await add_application(stores))
    async with stores.transaction():
        stored = await stores.deployments.get(deployment.id)
        assert stored == deployment
        stored.record_build_started(1, NOW + timedelta(seconds=1))
        await stores.deployments.save(stored)
        assert await stores.deployments.get(deployment.id) == stored
        with pytest.raises(DeploymentNotFound):
            await stores.deployments.get(uuid4())
    assert [(step.step, step.finished_at is None) for step in stored.steps] == [("requested", False), ("building", True)]


async def test_a_deployment_may_succeed_with_a_reason(stores: Stores) -> None:
    deployment = await observe(stores, await add_deployment(stores, await add_application(stores)), BUILT)
    async with stores.transaction():
        locked = await stores.deployments.lock(deployment.id)
        locked.reason, locked.detail = "process-crashes", "worker exited with code 3"
        locked.observe(ServiceReady("http://hello.localhost", "hello-00001"), NOW)
        await stores.deployments.save(locked)
        stored = await stores.deployments.get(deployment.id)
    assert (stored.status, stored.reason, stored.detail) == ("succeeded", "process-crashes", "worker exited with code 3")


async def test_a_stale_deployment_is_not_saved(stores: Stores) -> None:
    deployment = await add_deployment(stores, await add_application(stores))
    async with stores.transaction():
        first, second = await stores.deployments.get(deployment.id), await stores.deployments.get(deployment.id)
        for each in (first, second):
            each.record_build_started(1, NOW)
        await stores.deployments.save(first)
        with pytest.raises(Transient):
            await stores.deployments.save(second)


async def test_an_environment_has_one_running_deployment(stores: Stores) -> None:
    application = await add_application(stores)
    deployment = await add_deployment(stores, application)
    with pytest.raises(DeploymentInProgress):
        await add_deployment(stores, application)
    await add_deployment(stores, application, PRODUCTION)
    await observe(stores, deployment, BuildJobFailed("build-failed", "no"))
    await add_deployment(stores, application)


async def test_a_deployment_is_found_by_the_object_it_watches(stores: Stores) -> None:
    application = await add_application(stores)
    deployment = await add_deployment(stores, application)
    production = await add_deployment(stores, application, PRODUCTION)

    async def find(kind: str, name: str, namespace: str = "") -> UUID | None:
        async with stores.transaction():
            stored = await stores.deployments.find_by_object(kind, namespace or application.namespace, name)
        return stored.id if stored else None

    assert await find("Job", deployment.build_job) == deployment.id
    assert await find("Job", production.build_job) == production.id
    assert await find("Service", deployment.service) is None
    assert await find("Job", deployment.build_job, "app-other") is None
    assert await find("Job", deployment.build_job, "capsule") is None
    await observe(stores, deployment, BUILT)
    assert await find("Job", deployment.build_job) is None
    assert await find("Service", deployment.service) == deployment.id
    await observe(stores, deployment, ServiceReady("http://x.localhost"))
    assert await find("Service", deployment.service) is None


async def test_releases_are_numbered_by_application(stores: Stores) -> None:
    one, other = await add_application(stores), await add_application(stores)
    async with stores.transaction():
        stored = [await stores.releases.add(Release.from_build(BUILT, application.id, Terms(), NOW)) for application in (one, other, one)]
        assert [each.number for each in stored] == [1, 1, 2]
        assert await stores.releases.get(stored[2].id) == stored[2]
        assert await stores.releases.get_by_number(one.id, 2) == stored[2]
        assert await stores.releases.page(one.id, before=None, limit=5) == [stored[2], stored[0]]
        assert await stores.releases.page(one.id, before=2, limit=5) == [stored[0]]
        with pytest.raises(ReleaseNotFound):
            await stores.releases.get_by_number(other.id, 2)


async def test_the_serving_and_the_latest_deployment_of_an_environment(stores: Stores) -> None:
    application = await add_application(stores)
    async with stores.transaction():
        assert await stores.deployments.find_serving(Environment(application.id, "staging", NOW)) is None
        assert await stores.deployments.list_latest(application.id) == []
    good = await observe(stores, await add_deployment(stores, application), BUILT, ServiceReady("http://x.localhost"))
    bad = await observe(stores, await add_deployment(stores, application), BUILT, ServiceFailed("not-ready", "no"))
    production = await add_deployment(stores, application, PRODUCTION)
    async with stores.transaction():
        stored = await stores.deployments.find_serving(Environment(application.id, "staging", NOW))
        assert stored is not None
        assert (stored.id, stored.url, stored.status) == (good.id, "http://x.localhost", Status.SUCCEEDED)
        assert [each.id for each in await stores.deployments.list_latest(application.id)] == [production.id, bad.id]
        assert [each.id for each in await stores.deployments.page(application.id, before=None, limit=2)] == [production.id, bad.id]
        assert [each.id for each in await stores.deployments.page(application.id, before=bad.id, limit=2)] == [good.id]
        assert [each.id for each in await stores.deployments.lock_running(application.id)] == [production.id]


async def test_stuck_deployments_run_and_have_an_overdue_reminder(stores: Stores) -> None:
    application = await add_application(stores)
    results = await observe(
        stores,
        await add_deployment(stores, application, at=LONG_AGO),
        BuildJobFailed("build-failed", "no"),
        at=LONG_AGO,
    )
    quiet = await add_deployment(stores, application, at=LONG_AGO)
    busy = await add_deployment(stores, application, PRODUCTION, at=NOW - timedelta(days=20))
    async with stores.transaction():
        stored = {each.id for each in await stores.deployments.list_stuck(NOW - timedelta(days=25), 100)}
    assert quiet.id in stored
    assert not stored & {results.id, busy.id}


async def test_running_deployments_are_read_with_their_steps(stores: Stores) -> None:
    application = await add_application(stores)
    deployment = await add_deployment(stores, application)
    async with stores.transaction():
        for each in await stores.deployments.lock_running(application.id):
            each.fail("application-deleted", "gone", NOW + timedelta(seconds=9))
            await stores.deployments.save(each)
        stored = await stores.deployments.get(deployment.id)
    assert (stored.status, stored.reason, stored.steps[-1].finished_at) == ("failed", "application-deleted", NOW + timedelta(seconds=9))
