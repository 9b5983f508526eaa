"""The applications of a deleted user."""

from datetime import timedelta
from uuid import uuid4

import pytest

from events.auth import QuotaRequested, UserDeleted
from events.billing import Allowed, SubscriptionChanged
from events.deploy import ApplicationDeleted
from functions.deploy.commands.create_application import CreateApplication
from functions.deploy.domain.rejections import ApplicationNotFound, ApplicationQuotaExceeded
from functions.deploy.ports import Applications, Quotas
from functions.kernel import Caller, new_id
from tests.capsule import Capsule

ADA, BOB = Caller(uuid4()), Caller(uuid4())
URL = "https://samples.localhost/hello.git"


async def create(capsule: Capsule, name: str, caller: Caller) -> None:
    await capsule.call(CreateApplication(name=name, repository=URL), caller=caller)


async def test_all_applications_are_deleted_and_nothing_new_is_created() -> None:
    capsule = Capsule("deploy")
    for name, caller in (("one", ADA), ("two", ADA), ("other", BOB)):
        await create(capsule, name, caller)
    for _ in range(2):
        await capsule.publish(UserDeleted(user_id=ADA.user_id, at=capsule.clock.now()))
    assert sorted(event.name for event in capsule.events(ApplicationDeleted)) == ["one", "two"]

    at = capsule.clock.now()
    await capsule.publish(QuotaRequested(user_id=ADA.user_id, at=at))
    await capsule.publish(
        SubscriptionChanged(
            subscription_id=new_id(),
            customer_id=new_id(),
            user_id=ADA.user_id,
            plan="pro",
            plan_version=1,
            status="active",
            allowed=Allowed(applications=25, memory_mib=1024),
            period_end=at,
            at=at,
        )
    )
    with pytest.raises(ApplicationQuotaExceeded):
        await create(capsule, "three", ADA)
    quota = await capsule.port(Quotas).find(ADA.user_id)
    assert (quota.applications, quota.memory_mib, quota.applications_used) == (0, 0, 0)
    await create(capsule, "one", BOB)


async def test_a_user_who_was_never_here_gets_a_quota_of_nothing() -> None:
    capsule = Capsule("deploy")
    await capsule.publish(UserDeleted(user_id=ADA.user_id, at=capsule.clock.now()))
    with pytest.raises(ApplicationQuotaExceeded):
        await create(capsule, "one", ADA)


async def test_deleted_applications_are_erased_after_a_week() -> None:
    capsule = Capsule("deploy")
    await create(capsule, "one", ADA)
    await capsule.publish(UserDeleted(user_id=ADA.user_id, at=capsule.clock.now()))
    (deleted,) = capsule.events(ApplicationDeleted)
    await capsule.run("deploy.housekeeping")
    assert (await capsule.port(Applications).get_any(deleted.application_id)).name == "one"
    capsule.clock.at += timedelta(days=8)
    await capsule.run("deploy.housekeeping")
    with pytest.raises(ApplicationNotFound):
        await capsule.port(Applications).get_any(deleted.application_id)
