"""An account that uses more than its plan allows, or that is suspended, starts nothing new; what runs goes on, and can be made smaller."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from events.billing import Allowed, SubscriptionChanged
from functions.deploy.commands.start_run import StartRun
from functions.deploy.domain.rejections import OverQuota, SubscriptionSuspended
from tests.deploy.deploy_capsule import OWNER, DeployCapsule

FREE, PRO = Allowed(applications=1, memory_mib=600), Allowed(applications=25, memory_mib=20_000)


async def change_subscription(capsule: DeployCapsule, allowed: Allowed, status: str = "active") -> None:
    at = capsule.clock.now()
    event = SubscriptionChanged(
        subscription_id=uuid4(),
        customer_id=uuid4(),
        user_id=OWNER.user_id,
        plan="pro",
        plan_version=1,
        status=status,
        allowed=allowed,
        period_end=at + timedelta(days=30),
        at=at,
    )
    await capsule.publish(event)


async def two_applications(capsule: DeployCapsule) -> UUID:
    """Release one application to staging and production on the larger plan; another exists. Returns the first."""
    await change_subscription(capsule, PRO)
    released = await capsule.release()
    await capsule.release(released.application_id, "production")
    await capsule.create("other")
    return released.application_id


async def test_nothing_new_is_deployed_above_the_limits(capsule: DeployCapsule) -> None:
    application = await two_applications(capsule)
    await change_subscription(capsule, FREE)
    used = "You use 2 of 1 applications and "
    for attempt in (
        capsule.deploy(application),
        capsule.promote(application, "staging", "production"),
        capsule.create_environment(application, "third"),
    ):
        with pytest.raises(OverQuota, match=used):
            await attempt


async def test_above_the_limits_what_runs_can_be_restarted_rolled_back_configured_and_made_smaller(capsule: DeployCapsule) -> None:
    application = await two_applications(capsule)
    await capsule.release(application)
    await change_subscription(capsule, FREE)
    assert (await capsule.complete((await capsule.roll_back(application)).id)).status == "succeeded"
    assert (await capsule.complete((await capsule.restart(application)).id)).status == "succeeded"
    (configured,) = (await capsule.configure(application, variables={"A": "b"})).deployments
    assert (await capsule.complete(configured.id)).status == "succeeded"
    scaled = (await capsule.scale(application, max_scale=1, memory_mib=128)).deployment
    assert scaled is not None


async def test_within_the_limits_again_everything_is_possible(capsule: DeployCapsule) -> None:
    application = await two_applications(capsule)
    await change_subscription(capsule, FREE)
    await change_subscription(capsule, PRO)
    assert (await capsule.release(application)).status == "succeeded"


async def test_a_suspended_account_starts_nothing(capsule: DeployCapsule) -> None:
    application = await two_applications(capsule)
    await capsule.release(application)
    await change_subscription(capsule, PRO, "suspended")
    for attempt in (
        capsule.deploy(application),
        capsule.roll_back(application),
        capsule.restart(application),
        capsule.scale(application, max_scale=2),
        capsule.configure(application, variables={"A": "b"}),
        capsule.create_environment(application, "third"),
        capsule.create("third"),
        capsule.call(StartRun(application_id=application, environment="staging", command="true"), caller=OWNER),
    ):
        with pytest.raises(SubscriptionSuspended):
            await attempt
    await capsule.stop(application)
    await change_subscription(capsule, PRO)
    assert (await capsule.complete((await capsule.start(application)).id)).status == "succeeded"
