"""Contract of applications and quotas, run in memory and on PostgreSQL. `test_deploy_at_once.py` tests what only a database can decide."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import (
    ApplicationNameTaken,
    ApplicationNotFound,
    ApplicationQuotaExceeded,
)
from functions.kernel import Transient
from tests.adapters.deploy_stores import BUILT, NOW, Stores, add_application, add_deployment, new_application, observe, stores, url

__all__ = ["stores", "url"]


async def test_a_stored_application_is_read_unchanged(stores: Stores) -> None:
    application = await add_application(stores)
    async with stores.transaction():
        assert await stores.applications.get(application.id) == application
        assert await stores.applications.lock(application.id) == application
        with pytest.raises(ApplicationNotFound):
            await stores.applications.get(uuid4())


async def test_a_name_is_taken_until_its_application_is_deleted(stores: Stores) -> None:
    application = await add_application(stores)
    for step in (application.delete, None):
        with pytest.raises(ApplicationNameTaken):
            async with stores.transaction():
                other = new_application(name=application.name)
                await stores.applications.add(other, Quota.default(other.user_id, NOW))
        if step:
            step(NOW)
            async with stores.transaction():
                await stores.applications.save(application)
    application.complete_deletion()
    async with stores.transaction():
        await stores.applications.save(application)
        other = new_application(name=application.name)
        await stores.applications.add(other, Quota.default(other.user_id, NOW))


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
        first = await stores.applications.page(owner, before=None, limit=2)
        second = await stores.applications.page(owner, before=first[-1].id, limit=2)
    assert [each.id for each in (*first, *second)] == [application[3].id, application[2].id, application[0].id]


async def test_a_stale_application_is_not_saved(stores: Stores) -> None:
    application = await add_application(stores)
    async with stores.transaction():
        first, second = await stores.applications.get(application.id), await stores.applications.get(application.id)
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
            await stores.applications.get(application.id)
        assert await stores.applications.get(kept.id) == kept
