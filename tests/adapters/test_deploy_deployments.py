"""One suite over memory and over PostgreSQL: how releases are numbered, and what becomes of a deployment's row and timeline."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from functions.deploy.domain.environment import Environment, Terms
from functions.deploy.domain.names import PRODUCTION
from functions.deploy.domain.observation import BuildBroken, NotServing, Serving
from functions.deploy.domain.rejections import (
    DeploymentInProgress,
    DeploymentNotFound,
    ReleaseNotFound,
)
from functions.deploy.domain.release import Release
from functions.deploy.domain.status import Status
from functions.kernel import Transient
from tests.adapters.deploy_stores import BUILT, NOW, Stores, added, moved, requested, stores, url

__all__ = ["stores", "url"]


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
            each.fail("application-deleted", "gone", NOW + timedelta(seconds=9))
            await stores.deployments.save(each)
        found = await stores.deployments.get(made.id)
    assert (found.status, found.reason, found.steps[-1].finished_at) == ("failed", "application-deleted", NOW + timedelta(seconds=9))
