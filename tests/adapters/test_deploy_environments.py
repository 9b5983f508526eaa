"""One suite over memory and over PostgreSQL: environments, configurations by version, and what a deployment keeps from its beginning to its end."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from functions.deploy.domain.application import Quota
from functions.deploy.domain.configuration import Change, Entry
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.environment import Environment, Size, Terms
from functions.deploy.domain.names import PRODUCTION, STAGING
from functions.deploy.domain.observation import NotServing, Serving
from functions.deploy.domain.rejections import EnvironmentNameTaken, EnvironmentNotFound, MemoryQuotaExceeded
from functions.deploy.domain.status import Cause
from tests.adapters.deploy_stores import BUILT, NOW, Stores, added, moved, requested, stores, url

__all__ = ["stores", "url"]

LATER = NOW + timedelta(hours=1)
SERVING = Serving("http://x.localhost", "x-00001")


async def test_staging_and_production_are_there_and_others_by_name(stores: Stores) -> None:
    of = await added(stores)
    async with stores.transaction():
        assert [each.name for each in await stores.environments.all(of)] == [PRODUCTION, STAGING]
        with pytest.raises(EnvironmentNotFound):
            await stores.environments.get(of, "qa")
        await stores.environments.add(Environment(of.id, "qa", LATER))
        for name in ("qa", STAGING):
            with pytest.raises(EnvironmentNameTaken):
                await stores.environments.add(Environment(of.id, name, LATER))
        changed = await stores.environments.get(of, STAGING)
        changed.resize(Size(1, 3, 128, 250), 5)
        await stores.environments.save(changed)
        assert await stores.environments.get(of, STAGING) == changed
        assert [each.name for each in await stores.environments.all(of)] == [PRODUCTION, "qa", STAGING]


@pytest.mark.parametrize("name", [STAGING, "qa"])
async def test_a_deleted_environment_is_not_there_until_it_is_made_anew(stores: Stores, name: str) -> None:
    of = await added(stores)
    async with stores.transaction():
        if name == "qa":
            await stores.environments.add(Environment(of.id, name, NOW))
        found = await stores.environments.get(of, name)
        found.deleted_at = LATER
        await stores.environments.save(found)
        with pytest.raises(EnvironmentNotFound):
            await stores.environments.get(of, name)
        assert name not in [each.name for each in await stores.environments.all(of)]
        again = Environment(of.id, name, LATER, Size(memory_mib=64))
        await stores.environments.add(again)
        assert await stores.environments.get(of, name) == again


async def test_a_version_of_the_configuration_stays_what_it_was(stores: Stores) -> None:
    of = await added(stores)
    async with stores.transaction():
        await stores.configurations.change(of.id, "", Change({"A": "1", "B": "1"}, {"KEY": "sealed:x"}, frozenset()), 1, NOW)
        await stores.configurations.change(of.id, STAGING, Change({"A": "2"}, {}, frozenset()), 2, NOW)
        await stores.configurations.change(of.id, "", Change({"A": "3"}, {}, frozenset({"B", "KEY"})), 3, LATER)
        first, second, third = [await stores.configurations.at(of.id, version) for version in (1, 2, 3)]
        assert await stores.configurations.at(of.id, 0) == []
        assert await stores.configurations.at(uuid4(), 3) == []
    assert first == [Entry("", "A", 1, NOW, "1"), Entry("", "B", 1, NOW, "1"), Entry("", "KEY", 1, NOW, sealed="sealed:x")]
    assert second == [*first, Entry(STAGING, "A", 2, NOW, "2")]
    assert third == [Entry("", "A", 3, LATER, "3"), Entry(STAGING, "A", 2, NOW, "2")]


async def test_memory_is_taken_environment_by_environment(stores: Stores) -> None:
    one, owner = await added(stores), uuid4()
    one = await added(stores, owner)
    other, quota = await added(stores, owner), Quota(owner, 5, 1000, NOW)
    async with stores.transaction():
        await stores.quotas.set(quota)
        await stores.quotas.take_memory(one, STAGING, 600, quota)
        await stores.quotas.take_memory(one, STAGING, 500, quota)
        await stores.quotas.take_memory(other, STAGING, 500, quota)
        found = await stores.quotas.find(owner)
        assert found == replace(quota, applications_used=2, memory_used_mib=1000)
    for over in (one, other):
        with pytest.raises(MemoryQuotaExceeded):
            async with stores.transaction():
                await stores.quotas.take_memory(over, PRODUCTION, 1, quota)
    async with stores.transaction():
        await stores.quotas.give_memory_back(other.id, PRODUCTION)
        await stores.quotas.give_memory_back(other.id)
        await stores.quotas.take_memory(one, PRODUCTION, 500, quota)
        await stores.quotas.set(replace(quota, memory_mib=10, granted_at=LATER))
        await stores.quotas.take_memory(one, PRODUCTION, 400, quota)
        found = await stores.quotas.find(owner)
        assert found == replace(quota, applications_used=2, memory_used_mib=900, memory_mib=10, granted_at=LATER)


async def test_who_has_no_quota_takes_memory_of_the_default(stores: Stores) -> None:
    of = await added(stores)
    default = Quota.default(of.user_id, NOW)
    with pytest.raises(MemoryQuotaExceeded):
        async with stores.transaction():
            await stores.quotas.take_memory(of, STAGING, default.memory_mib + 1, default)


async def test_a_deployment_keeps_its_terms_and_what_it_goes_back_to(stores: Stores) -> None:
    of = await added(stores)
    good = await moved(stores, await requested(stores, of), BUILT, SERVING)
    terms = Terms(Size(1, 2, 128, 250), 7, 30, 60, "/healthy", "python migrate.py")
    async with stores.transaction():
        release = await stores.releases.numbered(of.id, 1)
        made = Deployment.again(of, STAGING, Cause.PROMOTION, release, terms, good, correlation_id="c-2", at=NOW)
        await stores.deployments.add(made)
        assert await stores.deployments.get(made.id) == made
    assert (made.previous_id, made.previous_release, made.release) == (good.id, 1, 1)
    observing = await moved(stores, made, SERVING)
    assert (observing.status, observing.revision) == ("observing", "x-00001")
    back = await moved(stores, observing, NotServing("crashes", "it ended"))
    assert (back.status, back.rolled_back_to, back.reason) == ("rolling-back", 1, "crashes")
    done = await moved(stores, back, SERVING)
    assert (done.status, done.finished_at) == ("rolled-back", NOW)
    assert [step.step for step in done.steps] == ["releasing", "observing", "rolling-back"]


async def test_what_is_observed_and_what_it_has_answered(stores: Stores) -> None:
    of = await added(stores)
    made = Deployment.request(of, PRODUCTION, None, Terms(observation_seconds=30), None, correlation_id="c-1", at=NOW)
    async with stores.transaction():
        await stores.deployments.add(made)
    found = await moved(stores, made, BUILT, SERVING)
    async with stores.transaction():
        assert [each.id for each in await stores.deployments.observed() if each.application_id == of.id] == [found.id]
        assert await stores.deployments.answered(found.id, 10, 1) == (10, 1)
        assert await stores.deployments.answered(found.id, 5, 0) == (15, 1)
        assert await stores.deployments.get(found.id) == found, "counting is no move"


async def test_the_last_good_is_of_the_environment_that_is_there_now(stores: Stores) -> None:
    of = await added(stores)
    first = await moved(stores, await requested(stores, of), BUILT, SERVING)
    second = await moved(stores, await requested(stores, of, at=LATER), BUILT, SERVING, at=LATER)
    async with stores.transaction():
        for created, good, before in ((NOW, second, first), (LATER, second, None), (LATER + timedelta(1), None, None)):
            here = Environment(of.id, STAGING, created)
            assert (await stores.deployments.last_good(here)) == (replace(good, steps=[]) if good else None)
            found = await stores.deployments.last_good_before(here, 2)
            assert (found.id if found else None) == (before.id if before else None)
