"""The quota follows the plan."""

import pytest

from events.billing import Allowed, SubscriptionChanged
from events.deploy import QuotaGranted
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import ApplicationQuotaExceeded, OverQuota
from functions.kernel import new_id
from tests.deploy.deploy_capsule import OWNER, DeployCapsule


def subscription_changed(capsule: DeployCapsule, applications: int) -> SubscriptionChanged:
    now = capsule.clock.now()
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


async def test_a_larger_plan_raises_the_quota_and_a_smaller_one_keeps_existing_applications(capsule: DeployCapsule) -> None:
    await capsule.quotas.grant(Quota(OWNER.user_id, 1, 512, capsule.clock.now()))
    await capsule.create("one")
    with pytest.raises(ApplicationQuotaExceeded):
        await capsule.create("two")

    await capsule.publish(subscription_changed(capsule, 3))
    (granted,) = capsule.events(QuotaGranted)
    assert granted == QuotaGranted(user_id=OWNER.user_id, applications=3, memory_mib=1536, at=capsule.clock.now())
    await capsule.create("two")
    await capsule.create("three")

    await capsule.publish(subscription_changed(capsule, 1))
    quota = await capsule.quotas.find(OWNER.user_id)
    assert quota is not None and (quota.applications, quota.applications_used) == (1, 3)
    with pytest.raises(OverQuota, match=r"You use 3 of 1 applications and 0 of 512 MiB of your pro plan\."):
        await capsule.create("four")


async def test_a_plan_that_arrives_before_the_default_quota_takes_precedence(capsule: DeployCapsule) -> None:
    await capsule.publish(subscription_changed(capsule, 25))
    await capsule.quotas.grant(Quota.default(OWNER.user_id, capsule.clock.now()))
    quota = await capsule.quotas.find(OWNER.user_id)
    assert quota is not None and quota.applications == 25
