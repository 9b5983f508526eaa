"""One suite over memory and over PostgreSQL: what the deploy context's use cases may rely on of applications and quotas, whichever is behind
their ports. What only a database can decide stands in `test_deploy_at_once.py`."""

from dataclasses import replace
from uuid import uuid4

import pytest

from functions.deploy.domain.application import Quota
from functions.deploy.domain.rejections import (
    ApplicationNameTaken,
    ApplicationNotFound,
    ApplicationQuotaExceeded,
)
from functions.kernel import Transient
from tests.adapters.deploy_stores import NOW, Stores, added, application, stores, url

__all__ = ["stores", "url"]


async def test_an_application_comes_back_as_it_went_in(stores: Stores) -> None:
    made = await added(stores)
    async with stores.transaction():
        assert await stores.applications.get(made.id) == made
        assert await stores.applications.locked(made.id) == made
        with pytest.raises(ApplicationNotFound):
            await stores.applications.get(uuid4())


async def test_a_name_is_taken_until_its_application_is_gone(stores: Stores) -> None:
    made = await added(stores)
    for step in (made.delete, None):
        with pytest.raises(ApplicationNameTaken):
            async with stores.transaction():
                other = application(name=made.name)
                await stores.applications.add(other, Quota.default(other.user_id, NOW))
        if step:
            step(NOW)
            async with stores.transaction():
                await stores.applications.save(made)
    made.deleted()
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
    made[1].delete(NOW)
    async with stores.transaction():
        await stores.applications.save(made[1])
        first = await stores.applications.page(owner, before=None, limit=2)
        second = await stores.applications.page(owner, before=first[-1].id, limit=2)
    assert [each.id for each in (*first, *second)] == [made[3].id, made[2].id, made[0].id]


async def test_a_stale_application_is_not_saved(stores: Stores) -> None:
    made = await added(stores)
    async with stores.transaction():
        first, second = await stores.applications.get(made.id), await stores.applications.get(made.id)
        first.delete(NOW)
        await stores.applications.save(first)
        with pytest.raises(Transient):
            await stores.applications.save(second)
