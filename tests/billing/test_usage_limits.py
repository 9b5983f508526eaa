"""What the free plan includes is a limit: a warning at 80 %, a notice at 100 %, and new work stops until the next period or a larger plan."""

from datetime import UTC, datetime, timedelta

import pytest

from events.billing import SubscriptionChanged, UsageAllowanceChanged, UsageThresholdReached
from events.deploy import AccountStandingChanged
from functions.kernel import new_id
from tests.billing.world import USER, World

NEXT = datetime(2026, 6, 20, tzinfo=UTC)
INCLUDED = 100_000


def notices(world: World) -> list[tuple[str, int]]:
    return [(each.meter, each.percent) for each in world.events(UsageThresholdReached)]


def exhausted(world: World) -> list[list[str]]:
    """The exhausted meters of each event."""
    return [[meter.meter for meter in each.exhausted] for each in world.events(UsageAllowanceChanged)]


async def test_the_customer_is_warned_once_at_80_percent_and_notified_once_at_100(world: World) -> None:
    await world.register()
    for requests in (INCLUDED * 8 // 10 - 1, 1, 1, INCLUDED // 5 - 2, 1, 5000):
        await world.use(requests)
    assert notices(world) == [("requests", 80), ("requests", 100)]
    assert exhausted(world) == [["requests"]]
    (event,) = world.events(UsageAllowanceChanged)
    assert (event.user_id, event.plan, event.period_end, event.exhausted[0].included) == (USER, "free", NEXT, INCLUDED)
    assert [kind for kind, _ in world.mailer.sent] == ["usage-requests-80", "usage-requests-100"]


async def test_a_record_that_is_repeated_or_of_another_period_warns_nobody(world: World) -> None:
    await world.register(at=world.clock.now() - timedelta(days=1))
    id = new_id()
    for _ in range(3):
        await world.use(INCLUDED * 7 // 10, id=id)
    await world.use(INCLUDED, at=world.clock.now() - timedelta(days=2))
    assert notices(world) == []


async def test_a_jump_over_both_thresholds_is_one_notice_and_each_meter_has_its_own(world: World) -> None:
    await world.register()
    await world.use(2 * INCLUDED)
    await world.use(0, cpu=3_600_000)
    assert notices(world) == [("requests", 100), ("cpu_milliseconds", 100)]
    assert exhausted(world) == [["requests"], ["cpu_milliseconds", "requests"]]


async def test_the_next_period_restores_everything_without_the_customer_and_warns_again(world: World) -> None:
    await world.register()
    await world.use(INCLUDED)
    await world.wait(until=NEXT + timedelta(minutes=1))
    await world.settle()
    assert exhausted(world) == [["requests"], []]
    await world.use(INCLUDED)
    assert notices(world) == [("requests", 100), ("requests", 100)]
    assert exhausted(world)[-1] == ["requests"]


async def test_a_larger_plan_restores_everything_and_has_no_limit(world: World) -> None:
    await world.register()
    await world.use(INCLUDED)
    await world.subscribe("pro")
    await world.settle()
    assert exhausted(world) == [["requests"], []]
    await world.use(3_000_000)
    assert notices(world) == [("requests", 100)]


async def test_an_ended_plan_has_the_limit_of_the_free_plan_in_its_next_period(world: World) -> None:
    await world.subscribed()
    await world.cancel()
    await world.use(1_000_000)
    await world.wait(until=NEXT + timedelta(hours=2))
    await world.settle()
    assert ((await world.subscription()).plan, exhausted(world)) == ("free", [])
    await world.use(INCLUDED)
    assert exhausted(world) == [["requests"]]


async def test_the_bill_shows_which_quantities_are_limits(world: World) -> None:
    await world.register()
    assert all(charge.is_limit for charge in (await world.bill()).charges)
    await world.subscribe("pro")
    await world.settle()
    assert not any(charge.is_limit for charge in (await world.bill()).charges)


async def test_subscriptions_of_a_former_release_are_reported_once(world: World) -> None:
    await world.register()
    (subscription,) = world.subscriptions.subscriptions.values()
    subscription.is_announced = False
    for _ in range(2):
        await world.housekeeping()
        await world.settle()
    (reported,) = world.events(SubscriptionChanged)
    assert (reported.user_id, reported.plan, reported.status) == (USER, "free", "active")


@pytest.mark.parametrize(
    ("standing", "restriction", "mails"),
    [
        ("restricted", "usage-exhausted", []),
        ("restricted", "over-quota", ["standing-restricted"]),
        ("paused", "usage-exhausted", ["standing-paused"]),
    ],
)
async def test_the_standing_of_an_account_is_mailed_unless_the_notice_of_the_meter_was(
    world: World, standing: str, restriction: str, mails: list[str]
) -> None:
    await world.register()
    now = world.clock.now()
    await world.publish(AccountStandingChanged(user_id=USER, standing=standing, restriction=restriction, detail="Why.", pauses_at=now, at=now))
    assert [kind for kind, _ in world.mailer.sent] == mails
