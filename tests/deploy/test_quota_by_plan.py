"""The quota follows the plan."""

import pytest

from events.billing import Allowed, SubscriptionChanged
from events.deploy import QuotaGranted
from functions.deploy.domain.application import Quota
from functions.deploy.domain.rejections import ApplicationQuotaExceeded
from functions.deploy.handlers.on_subscription_changed import on_subscription_changed
from functions.kernel import new_id
from tests.deploy.world import OWNER, World


def changed(world: World, applications: int) -> SubscriptionChanged:
    now = world.clock.now()
    allowed = Allowed(applications=applications, memory_mib=applications * 512)
    return SubscriptionChanged(
        subscription_id=new_id(),
        customer_id=new_id(),
        user_id=OWNER.user_id,
        plan="pro",
        plan_version=1,
        status="active",
        allowed=allowed,
        period_end=now,
        at=now,
    )


async def test_a_larger_plan_lets_more_be_created_and_a_smaller_one_leaves_what_runs(world: World) -> None:
    await world.quotas.grant(Quota(OWNER.user_id, 1, 512, world.clock.now()))
    await world.create("one")
    with pytest.raises(ApplicationQuotaExceeded):
        await world.create("two")

    (granted,) = (await on_subscription_changed(changed(world, 3), world.quotas, world.clock)).events
    assert granted == QuotaGranted(user_id=OWNER.user_id, applications=3, memory_mib=1536, at=world.clock.now())
    await world.create("two")
    await world.create("three")

    await on_subscription_changed(changed(world, 1), world.quotas, world.clock)
    found = await world.quotas.find(OWNER.user_id)
    assert found is not None and (found.applications, found.applications_used) == (1, 3)
    with pytest.raises(ApplicationQuotaExceeded):
        await world.create("four")


async def test_the_plan_may_be_heard_of_before_the_user(world: World) -> None:
    await on_subscription_changed(changed(world, 25), world.quotas, world.clock)
    await world.quotas.grant(Quota.default(OWNER.user_id, world.clock.now()))
    found = await world.quotas.find(OWNER.user_id)
    assert found is not None and found.applications == 25
