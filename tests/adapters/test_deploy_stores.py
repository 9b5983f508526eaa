"""Contract of applications and quotas, run in memory and on PostgreSQL. `test_deploy_at_once.py` tests what only a database can decide."""

from dataclasses import fields, replace
from datetime import timedelta
from uuid import uuid4

import pytest

from functions.deploy.domain.application_settings import ApplicationSettings, Builder
from functions.deploy.domain.names import STAGING
from functions.deploy.domain.quota import ExhaustedMeter, Quota
from functions.deploy.domain.rejections import (
    ApplicationNameTaken,
    ApplicationNotFound,
    ApplicationQuotaExceeded,
)
from functions.deploy.domain.standing import Restriction, Standing
from functions.kernel import Transient
from tests.adapters.deploy_stores import BUILT, NOW, Stores, add_application, add_deployment, new_application, observe, stores, url

__all__ = ["stores", "url"]
LATER = NOW + timedelta(minutes=5)


async def test_a_stored_application_is_read_unchanged(stores: Stores) -> None:
    application = await add_application(stores)
    async with stores.transaction():
        assert await stores.applications.get_any(application.id) == application
        assert await stores.applications.lock_any(application.id) == application
        with pytest.raises(ApplicationNotFound):
            await stores.applications.get_any(uuid4())


async def test_an_application_is_added_with_every_setting(stores: Stores) -> None:
    settings = ApplicationSettings("main", "api", Builder.NATIVE, "make", "serve", "migrate", "/up", 3001, waking_page=True)
    assert all(getattr(settings, each.name) != each.default for each in fields(settings)), "a new setting belongs here, and into add_applications"
    application = replace(new_application(), settings=settings)
    async with stores.transaction():
        await stores.applications.add([(application, Quota.default(application.user_id, NOW))])
    async with stores.transaction():
        assert await stores.applications.get_any(application.id) == application


async def test_a_name_is_taken_until_its_application_is_deleted(stores: Stores) -> None:
    application = await add_application(stores)
    for step in (application.delete, None):
        with pytest.raises(ApplicationNameTaken):
            async with stores.transaction():
                other = new_application(name=application.name)
                await stores.applications.add([(other, Quota.default(other.user_id, NOW))])
        if step:
            step(NOW)
            async with stores.transaction():
                await stores.applications.save(application)
    application.complete_deletion()
    async with stores.transaction():
        await stores.applications.save(application)
        other = new_application(name=application.name)
        await stores.applications.add([(other, Quota.default(other.user_id, NOW))])


async def test_several_applications_are_added_together_or_not_at_all(stores: Stores) -> None:
    first, second = uuid4(), uuid4()
    async with stores.transaction():
        await stores.quotas.grant(Quota(first, 3, 512, NOW))
        await stores.quotas.grant(Quota(second, 3, 512, NOW))
    made = [new_application(owner) for owner in (first, second, first)]
    async with stores.transaction():
        assert await stores.quotas.lock_restricted([first, second, first, uuid4()]) == []
        await stores.applications.add([(each, Quota.default(each.user_id, NOW)) for each in made])
    for refusal, others in (
        (ApplicationQuotaExceeded, [new_application(owner) for owner in (second, first, first)]),
        (ApplicationNameTaken, [new_application(second), new_application(first, made[1].name)]),
    ):
        with pytest.raises(refusal):
            async with stores.transaction():
                await stores.applications.add([(each, Quota.default(each.user_id, NOW)) for each in others])
    async with stores.transaction():
        assert [await stores.applications.get_any(each.id) for each in made] == made
        assert [quota.applications_used for quota in (await stores.quotas.find(first), await stores.quotas.find(second)) if quota] == [2, 1]
        for owner, number in ((first, 2), (second, 1)):
            assert len(await stores.applications.page([owner], before=None, limit=9)) == number


async def test_restricted_quotas_are_found_among_others(stores: Stores) -> None:
    free, suspended, exhausted, full, large, stranger = (uuid4() for _ in range(6))
    async with stores.transaction():
        for owner in (free, suspended, exhausted, full, large):
            quota = Quota(owner, 2, 512, NOW, is_suspended=owner == suspended)
            await stores.quotas.set(quota)
            for _ in range(2):
                application = new_application(owner)
                await stores.applications.add([(application, quota)])
        await stores.quotas.set_exhausted(exhausted, [ExhaustedMeter("requests", 1000)], NOW)
        await stores.quotas.set(Quota(full, 1, 512, NOW))
        await stores.quotas.reserve_memory(application, STAGING, 400, quota)
        await stores.quotas.set(Quota(large, 2, 399, NOW))
    async with stores.transaction():
        found = await stores.quotas.lock_restricted([large, free, suspended, exhausted, full, stranger, full])
        assert {each.user_id: each.restriction for each in found} == {
            suspended: Restriction.SUSPENDED, exhausted: Restriction.USAGE_EXHAUSTED, full: Restriction.OVER_QUOTA, large: Restriction.OVER_QUOTA,
        }  # fmt: skip


async def test_a_quota_that_was_lowered_is_found_restricted_until_it_has_room_again(stores: Stores) -> None:
    """Also after it was found within its limits once: then its memory is not summed again until the quota is lowered."""
    owner = uuid4()
    application = new_application(owner)

    async def is_restricted() -> bool:
        async with stores.transaction():
            return bool(await stores.quotas.lock_restricted([owner]))

    async with stores.transaction():
        await stores.quotas.set(Quota(owner, 2, 512, NOW))
        await stores.applications.add([(application, Quota(owner, 2, 512, NOW))])
        await stores.quotas.reserve_memory(application, STAGING, 400, Quota(owner, 2, 512, NOW))
    assert not await is_restricted()
    for memory_mib, expected in ((399, True), (400, False), (1024, False), (512, False), (256, True)):
        async with stores.transaction():
            await stores.quotas.set(Quota(owner, 2, memory_mib, NOW))
        assert await is_restricted() is expected, memory_mib
        assert await is_restricted() is expected
    async with stores.transaction():
        await stores.quotas.release_memory(application.id)
    assert not await is_restricted()


async def test_applications_count_against_the_quota_until_released(stores: Stores) -> None:
    owner = uuid4()
    async with stores.transaction():
        await stores.quotas.grant(Quota(owner, 2, 512, NOW))
        await stores.quotas.grant(Quota(owner, 9, 9, NOW))
    await add_application(stores, owner)
    await add_application(stores, owner)
    with pytest.raises(ApplicationQuotaExceeded):
        await add_application(stores, owner)
    async with stores.transaction():
        assert await stores.quotas.find(owner) == Quota(owner, 2, 512, NOW, 2)
        await stores.quotas.release_application(owner)
    await add_application(stores, owner)


async def test_setting_a_quota_keeps_its_usage(stores: Stores) -> None:
    owner = uuid4()
    async with stores.transaction():
        await stores.quotas.set(Quota(owner, 2, 512, NOW))
    await add_application(stores, owner)
    async with stores.transaction():
        await stores.quotas.set(Quota(owner, 25, 1024, NOW))
    async with stores.transaction():
        assert await stores.quotas.find(owner) == Quota(owner, 25, 1024, NOW, 1)


async def test_the_default_quota_is_granted_with_the_first_application(stores: Stores) -> None:
    owner = uuid4()
    async with stores.transaction():
        assert await stores.quotas.find(owner) is None
    await add_application(stores, owner)
    async with stores.transaction():
        assert await stores.quotas.find(owner) == replace(Quota.default(owner, NOW), applications_used=1)


async def test_a_page_lists_the_user_s_active_applications_newest_first(stores: Stores) -> None:
    owner = uuid4()
    application = [await add_application(stores, owner) for _ in range(4)]
    await add_application(stores)
    application[1].delete(NOW)
    async with stores.transaction():
        await stores.applications.save(application[1])
        first = await stores.applications.page([owner], before=None, limit=2)
        second = await stores.applications.page([owner], before=first[-1].id, limit=2)
    assert [each.id for each in (*first, *second)] == [application[3].id, application[2].id, application[0].id]


async def test_a_stale_application_is_not_saved(stores: Stores) -> None:
    application = await add_application(stores)
    async with stores.transaction():
        first, second = await stores.applications.get_any(application.id), await stores.applications.get_any(application.id)
        first.delete(NOW)
        await stores.applications.save(first)
        with pytest.raises(Transient):
            await stores.applications.save(second)


async def test_the_quota_of_a_deleted_user_stays_nothing(stores: Stores) -> None:
    owner, unknown = uuid4(), uuid4()
    await add_application(stores, owner)
    async with stores.transaction():
        for user in (owner, unknown, owner):
            await stores.quotas.close(user, NOW)
            await stores.quotas.grant(Quota(user, 9, 9, NOW))
            await stores.quotas.set(Quota(user, 9, 9, NOW))
        quota, nothing = await stores.quotas.find(owner), await stores.quotas.find(unknown)
    assert quota is not None and nothing is not None
    assert (quota.applications, quota.memory_mib, quota.applications_used) == (0, 0, 1)
    assert (nothing.applications, nothing.memory_mib, nothing.applications_used) == (0, 0, 0)
    with pytest.raises(ApplicationQuotaExceeded):
        await add_application(stores, owner)


async def test_deleted_applications_are_erased_with_all_their_rows(stores: Stores) -> None:
    application, kept = await add_application(stores), await add_application(stores)
    deployment = await add_deployment(stores, application)
    await observe(stores, deployment, BUILT)
    async with stores.transaction():
        application.delete(NOW)
        application.complete_deletion()
        await stores.applications.save(application)
        assert await stores.applications.erase_deleted(NOW, 10) == 0
        assert await stores.applications.erase_deleted(NOW + timedelta(seconds=1), 10) >= 1
        with pytest.raises(ApplicationNotFound):
            await stores.applications.get_any(application.id)
        assert await stores.applications.get_any(kept.id) == kept


async def test_plan_suspension_exhausted_meters_and_standing_are_stored_beside_the_usage(stores: Stores) -> None:
    owner, pauses_at = uuid4(), NOW + timedelta(hours=24)
    exhausted = (ExhaustedMeter("cpu_milliseconds", 3_600_000), ExhaustedMeter("requests", 100_000))
    standing = Standing(Restriction.USAGE_EXHAUSTED, NOW, pauses_at)
    await add_application(stores, owner)
    async with stores.transaction():
        await stores.quotas.set(Quota(owner, 2, 512, NOW, is_suspended=True, plan="pro"))
        await stores.quotas.set_exhausted(owner, exhausted, pauses_at)
        await stores.quotas.save_standing(owner, standing)
    expected = Quota(owner, 2, 512, NOW, 1, 0, True, "pro", exhausted, pauses_at, standing)
    async with stores.transaction():
        assert await stores.quotas.find(owner) == await stores.quotas.lock(owner) == expected
        assert owner in await stores.quotas.list_to_pause(pauses_at + timedelta(seconds=1), 1000)
        assert owner not in await stores.quotas.list_to_pause(pauses_at, 1000)
        await stores.quotas.set(Quota(owner, 25, 1024, LATER))
        assert await stores.quotas.find(owner) == replace(
            expected, applications=25, memory_mib=1024, granted_at=LATER, is_suspended=False, plan="free"
        )
        await stores.quotas.save_standing(owner, replace(standing, is_paused=True))
        assert owner not in await stores.quotas.list_to_pause(pauses_at + timedelta(seconds=1), 1000)
        await stores.quotas.set_exhausted(owner, (), pauses_at)
        await stores.quotas.save_standing(owner, Standing())
        stored = await stores.quotas.lock(owner)
        assert stored is not None and (stored.exhausted, stored.standing, stored.applications_used) == ((), Standing(), 1)
        assert await stores.quotas.lock(uuid4()) is None


async def test_all_applications_of_a_user_are_locked_oldest_first(stores: Stores) -> None:
    owner = uuid4()
    first, deleted, last = [await add_application(stores, owner) for _ in range(3)]
    await add_application(stores)
    deleted.delete(NOW)
    async with stores.transaction():
        await stores.applications.save(deleted)
        assert list(await stores.applications.lock_all(owner)) == [first, last]


async def test_a_paused_environment_is_stored(stores: Stores) -> None:
    application = await add_application(stores)
    async with stores.transaction():
        assert await stores.environments.find(application.id, STAGING) is None
        environment = await stores.environments.get(application, STAGING)
        environment.pause(application, Restriction.OVER_QUOTA, NOW)
        await stores.environments.save(environment)
        assert await stores.environments.find(application.id, STAGING) == await stores.environments.get(application, STAGING) == environment
        environment.resume(application, LATER)
        environment.delete(application, LATER)
        await stores.environments.save(environment)
        assert await stores.environments.find(application.id, STAGING) is None
