"""Contract of environments, configurations and frozen deployment settings, run in memory and on PostgreSQL."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from functions.deploy.domain.configuration import Change, Entry
from functions.deploy.domain.deployment import Cause, Deployment
from functions.deploy.domain.environment import Environment, Size, Terms
from functions.deploy.domain.names import PRODUCTION, STAGING
from functions.deploy.domain.observation import ServiceFailed, ServiceReady
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import EnvironmentNameTaken, EnvironmentNotFound, MemoryQuotaExceeded
from tests.adapters.deploy_stores import BUILT, NOW, Stores, add_application, add_deployment, observe, stores, url

__all__ = ["stores", "url"]

LATER = NOW + timedelta(hours=1)
SERVING = ServiceReady("http://x.localhost", "x-00001")


async def test_staging_and_production_exist_and_others_are_added(stores: Stores) -> None:
    application = await add_application(stores)
    async with stores.transaction():
        assert [each.name for each in await stores.environments.list_all(application)] == [PRODUCTION, STAGING]
        with pytest.raises(EnvironmentNotFound):
            await stores.environments.get(application, "qa")
        await stores.environments.add(Environment(application.id, "qa", LATER))
        for name in ("qa", STAGING):
            with pytest.raises(EnvironmentNameTaken):
                await stores.environments.add(Environment(application.id, name, LATER))
        changed = await stores.environments.get(application, STAGING)
        changed.resize(Size(1, 3, 128, 250), 5)
        changed.stop(application, LATER)
        for message in ("Back at 14:00.", None):
            changed.start_maintenance(application, message, 60, LATER)
            await stores.environments.save(changed)
            assert await stores.environments.get(application, STAGING) == changed
        changed.end_maintenance(application, LATER)
        await stores.environments.save(changed)
        assert await stores.environments.get(application, STAGING) == changed
        assert [each.name for each in await stores.environments.list_all(application)] == [PRODUCTION, "qa", STAGING]


@pytest.mark.parametrize("name", [STAGING, "qa"])
async def test_a_deleted_environment_is_not_found_until_it_is_created_again(stores: Stores, name: str) -> None:
    application = await add_application(stores)
    async with stores.transaction():
        if name == "qa":
            await stores.environments.add(Environment(application.id, name, NOW))
        stored = await stores.environments.get(application, name)
        stored.deleted_at = LATER
        await stores.environments.save(stored)
        with pytest.raises(EnvironmentNotFound):
            await stores.environments.get(application, name)
        assert name not in [each.name for each in await stores.environments.list_all(application)]
        recreated = Environment(application.id, name, LATER, Size(memory_mib=64))
        await stores.environments.add(recreated)
        assert await stores.environments.get(application, name) == recreated


async def test_a_version_of_the_configuration_is_immutable(stores: Stores) -> None:
    application = await add_application(stores)
    async with stores.transaction():
        await stores.configurations.change(application.id, "", Change({"A": "1", "B": "1"}, {"KEY": "sealed:x"}, frozenset()), 1, NOW)
        await stores.configurations.change(application.id, STAGING, Change({"A": "2"}, {}, frozenset()), 2, NOW)
        await stores.configurations.change(application.id, "", Change({"A": "3"}, {}, frozenset({"B", "KEY"})), 3, LATER)
        first, second, third = [await stores.configurations.at(application.id, version) for version in (1, 2, 3)]
        assert await stores.configurations.at(application.id, 0) == []
        assert await stores.configurations.at(uuid4(), 3) == []
    assert first == [Entry("", "A", 1, NOW, "1"), Entry("", "B", 1, NOW, "1"), Entry("", "KEY", 1, NOW, sealed="sealed:x")]
    assert second == [*first, Entry(STAGING, "A", 2, NOW, "2")]
    assert third == [Entry("", "A", 3, LATER, "3"), Entry(STAGING, "A", 2, NOW, "2")]


async def test_memory_is_reserved_per_environment(stores: Stores) -> None:
    one, owner = await add_application(stores), uuid4()
    one = await add_application(stores, owner)
    other, quota = await add_application(stores, owner), Quota(owner, 5, 1000, NOW)
    async with stores.transaction():
        await stores.quotas.set(quota)
        await stores.quotas.reserve_memory(one, STAGING, 600, quota)
        await stores.quotas.reserve_memory(one, STAGING, 500, quota)
        await stores.quotas.reserve_memory(other, STAGING, 500, quota)
        stored = await stores.quotas.find(owner)
        assert stored == replace(quota, applications_used=2, memory_used_mib=1000)
    for over in (one, other):
        with pytest.raises(MemoryQuotaExceeded):
            async with stores.transaction():
                await stores.quotas.reserve_memory(over, PRODUCTION, 1, quota)
    async with stores.transaction():
        await stores.quotas.release_memory(other.id, PRODUCTION)
        await stores.quotas.release_memory(other.id)
        await stores.quotas.reserve_memory(one, PRODUCTION, 500, quota)
        await stores.quotas.set(replace(quota, memory_mib=10, granted_at=LATER))
        await stores.quotas.reserve_memory(one, PRODUCTION, 400, quota)
        stored = await stores.quotas.find(owner)
        assert stored == replace(quota, applications_used=2, memory_used_mib=900, memory_mib=10, granted_at=LATER)


async def test_memory_is_reserved_from_the_default_quota(stores: Stores) -> None:
    application = await add_application(stores)
    default = Quota.default(application.user_id, NOW)
    with pytest.raises(MemoryQuotaExceeded):
        async with stores.transaction():
            await stores.quotas.reserve_memory(application, STAGING, default.memory_mib + 1, default)


async def test_a_deployment_keeps_its_terms_and_its_previous_deployment(stores: Stores) -> None:
    application = await add_application(stores)
    good = await observe(stores, await add_deployment(stores, application), BUILT, SERVING)
    terms = Terms(Size(1, 2, 128, 250), 7, 30, 60, "/healthy", "python migrate.py")
    async with stores.transaction():
        release = await stores.releases.get_by_number(application.id, 1)
        deployment, _ = Deployment.redeploy(application, STAGING, Cause.PROMOTION, release, terms, good, correlation_id="c-2", at=NOW)
        await stores.deployments.add(deployment)
        assert await stores.deployments.get(deployment.id) == deployment
    assert (deployment.previous_id, deployment.previous_release, deployment.release) == (good.id, 1, 1)
    observing = await observe(stores, deployment, SERVING)
    assert (observing.status, observing.revision) == ("observing", "x-00001")
    back = await observe(stores, observing, ServiceFailed("crashes", "it ended"))
    assert (back.status, back.rolled_back_to, back.reason) == ("rolling-back", 1, "crashes")
    done = await observe(stores, back, SERVING)
    assert (done.status, done.finished_at) == ("rolled-back", NOW)
    assert [step.step for step in done.steps] == ["releasing", "observing", "rolling-back"]


async def test_the_traffic_of_observed_deployments_is_added_up(stores: Stores) -> None:
    application = await add_application(stores)
    deployment, _ = Deployment.request(application, PRODUCTION, None, Terms(observation_seconds=30), None, correlation_id="c-1", at=NOW)
    async with stores.transaction():
        await stores.deployments.add(deployment)
    stored = await observe(stores, deployment, BUILT, SERVING)
    async with stores.transaction():
        assert [each.id for each in await stores.deployments.list_observed() if each.application_id == application.id] == [stored.id]
        assert await stores.deployments.add_traffic(stored.id, 10, 1) == (10, 1)
        assert await stores.deployments.add_traffic(stored.id, 5, 0) == (15, 1)
        assert await stores.deployments.get(stored.id) == stored, "counting is not a transition"


async def test_a_deployment_before_the_environment_was_created_again_does_not_serve(stores: Stores) -> None:
    application = await add_application(stores)
    first = await observe(stores, await add_deployment(stores, application), BUILT, SERVING)
    second = await observe(stores, await add_deployment(stores, application, at=LATER), BUILT, SERVING, at=LATER)
    async with stores.transaction():
        for created, good, before in ((NOW, second, first), (LATER, second, None), (LATER + timedelta(1), None, None)):
            environment = Environment(application.id, STAGING, created)
            assert (await stores.deployments.find_serving(environment)) == (replace(good, steps=[]) if good else None)
            stored = await stores.deployments.find_serving_before(environment, 2)
            assert (stored.id if stored else None) == (before.id if before else None)
