"""A restricted account: a grace period, then what it runs is paused; it runs again by itself when the restriction ends."""

from datetime import timedelta
from uuid import UUID

import pytest

from events.billing import MeterAllowance, UsageAllowanceChanged
from events.deploy import AccountStandingChanged, EnvironmentPaused, EnvironmentResumed
from functions.deploy.domain.rejections import EnvironmentIsPaused, OverQuota, UsageExhausted
from functions.deploy.queries.application import ShowApplication
from functions.deploy.queries.quota import QuotaView, ShowQuota
from functions.kernel import new_id
from tests.deploy.deploy_capsule import IMAGE, OWNER, DeployCapsule
from tests.deploy.test_work_admission import FREE, PRO, change_subscription

STOPPED = "capsule.dev/stopped"
CUSTOMER = new_id()


async def exhaust(capsule: DeployCapsule, *meters: str) -> None:
    now = capsule.clock.now()
    exhausted = [MeterAllowance(meter=each, included=100_000) for each in meters]
    await capsule.publish(
        UsageAllowanceChanged(
            customer_id=CUSTOMER, user_id=OWNER.user_id, plan="free", exhausted=exhausted, period_end=now + timedelta(days=9), at=now
        )
    )


async def show_quota(capsule: DeployCapsule) -> QuotaView:
    view: QuotaView = await capsule.call(ShowQuota(), caller=OWNER)
    return view


async def paused(capsule: DeployCapsule, *applications: UUID) -> set[tuple[str, str]]:
    """(application, environment) of what is paused, in the database and in the cluster alike."""
    found = set()
    for application_id in applications:
        view = await capsule.call(ShowApplication(application_id=application_id), caller=OWNER)
        for environment in view.environments:
            stored = await capsule.environments.get(await capsule.applications.get_any(application_id), environment.name)
            serving = await capsule.deployments.find_serving(stored)
            annotations = capsule.service(serving)["metadata"].get("annotations", {}) if serving else {}
            assert annotations.get(STOPPED) == ("true" if environment.stopped_at else environment.pause_reason)
            if environment.paused_at is not None:
                assert f"paused ({environment.pause_reason})" in environment.summary
                found.add((view.name, environment.name))
    return found


async def test_exhausted_usage_stops_new_work_at_once_and_what_runs_after_the_grace_period(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    await exhaust(capsule, "requests")
    view = await show_quota(capsule)
    assert (view.standing.status, view.standing.restriction) == ("restricted", "usage-exhausted")
    assert view.standing.pauses_at == capsule.clock.now() + timedelta(hours=24)
    with pytest.raises(UsageExhausted, match="Your free plan includes 100,000 requests until "):
        await capsule.deploy(serving.application_id)
    with pytest.raises(UsageExhausted):
        await capsule.scale(serving.application_id, max_scale=2)
    restarted = await capsule.complete((await capsule.restart(serving.application_id)).id)
    assert restarted.status == "succeeded"

    await capsule.advance(hours=25)
    assert await paused(capsule, serving.application_id) == {("hello", "staging")}
    with pytest.raises(EnvironmentIsPaused, match="usage-exhausted"):
        await capsule.restart(serving.application_id)

    await exhaust(capsule)
    assert await paused(capsule, serving.application_id) == set()
    assert (await show_quota(capsule)).standing.status == "good"
    assert [each.standing for each in capsule.events(AccountStandingChanged)] == ["restricted", "paused", "good"]
    assert capsule.service(restarted)["spec"]["template"]["metadata"]["labels"]["capsule.dev/deployment"] == str(restarted.id)


async def test_repeated_and_second_meters_announce_nothing_new(capsule: DeployCapsule) -> None:
    await capsule.release()
    for meters in (["requests"], ["requests"], ["cpu_milliseconds", "requests"]):
        await exhaust(capsule, *meters)
    assert len(capsule.events(AccountStandingChanged)) == 1
    assert "0.0277778 CPU hours and 100,000 requests" in (await show_quota(capsule)).standing.detail
    await capsule.advance(hours=25)
    await exhaust(capsule, "requests")
    assert len(capsule.events(EnvironmentPaused)) == 1


async def test_over_the_quota_the_newest_environments_are_paused_until_the_rest_fits(capsule: DeployCapsule) -> None:
    await change_subscription(capsule, PRO)
    old = await capsule.release()
    await capsule.release(old.application_id, "production")
    newer = await capsule.release((await capsule.create("newer")).id, image=IMAGE.replace("hello", "newer"))
    await change_subscription(capsule, FREE)  # one application, 600 MiB
    await capsule.advance(hours=23)
    assert await paused(capsule, old.application_id, newer.application_id) == set()
    await capsule.advance(hours=2)
    assert await paused(capsule, old.application_id, newer.application_id) == {("newer", "staging"), ("hello", "staging")}

    await capsule.scale(old.application_id, "production", max_scale=1, memory_mib=256)
    await capsule.settle()
    scaled = await capsule.scale(old.application_id, memory_mib=256)
    assert scaled.deployment is None
    await capsule.settle()
    (resumed,) = capsule.events(EnvironmentResumed)
    assert (resumed.application, resumed.environment) == ("hello", "staging")
    with pytest.raises(OverQuota, match="You use 2 of 1 applications and 1024 of 600 MiB of your pro plan"):
        await capsule.deploy(old.application_id)
    await capsule.delete(newer.application_id)
    await capsule.settle()
    assert (await show_quota(capsule)).standing.status == "good"


async def test_a_suspended_account_is_paused_completely_and_runs_again_with_its_changes_when_it_pays(capsule: DeployCapsule) -> None:
    await change_subscription(capsule, PRO)
    serving = await capsule.release()
    stopped = await capsule.release(serving.application_id, "production")
    await capsule.stop(stopped.application_id, "production")
    await change_subscription(capsule, PRO, "suspended")
    await capsule.advance(hours=25)
    assert await paused(capsule, serving.application_id) == {("hello", "staging")}
    await capsule.configure(serving.application_id, variables={"A": "b"})

    await change_subscription(capsule, PRO)
    (resumed,) = capsule.events(EnvironmentResumed)
    assert resumed.environment == "staging", "its user has stopped production"
    latest = (await capsule.deployments.page(serving.application_id, before=None, limit=1))[0]
    assert (latest.cause, latest.environment, (await capsule.complete(latest.id)).status) == ("configuration", "staging", "succeeded")


async def test_a_build_from_before_the_suspension_does_not_release(capsule: DeployCapsule) -> None:
    building = await capsule.start_build()
    await change_subscription(capsule, PRO, "suspended")
    ended = await capsule.succeed_build(building)
    assert (ended.status, ended.reason) == ("failed", "subscription-suspended")
    assert "suspended" in (ended.detail or "")
    assert await capsule.memory_used_mib() == 0


async def test_what_is_being_released_when_the_grace_period_ends_does_not_take_the_environment_out_of_its_pause(capsule: DeployCapsule) -> None:
    first = await capsule.release()
    await change_subscription(capsule, PRO, "suspended")
    await capsule.advance(hours=23)
    await change_subscription(capsule, PRO)
    releasing = (await capsule.restart(first.application_id)).id
    await capsule.settle()
    await change_subscription(capsule, PRO, "suspended")
    quota = await capsule.quotas.find(OWNER.user_id)
    assert quota is not None and quota.standing.pauses_at == capsule.clock.now() + timedelta(hours=24)
    deployment = await capsule.deployments.get(releasing)
    await capsule.advance(hours=25)
    assert not (await capsule.deployments.get(deployment.id)).is_running
    assert await paused(capsule, first.application_id) == {("hello", "staging")}


async def test_housekeeping_ends_a_grace_period_with_a_lost_reminder(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    await exhaust(capsule, "requests")
    capsule.forget_delayed()
    await capsule.advance(hours=25)
    await capsule.run("deploy.housekeeping")
    assert await paused(capsule, serving.application_id) == {("hello", "staging")}
