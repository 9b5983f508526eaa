"""Customers and the current bill."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from events.billing import CustomerCreated
from events.deploy import ApplicationDeleted, ApplicationRenamed
from functions.billing.domain.rejections import CustomerNotFound
from functions.billing.domain.usage import ImplausibleUsage
from functions.billing.queries.current_bill import BillLineView
from functions.kernel import new_id
from tests.billing.world import APPLICATION, NOW, OTHER, USER, World


async def test_a_new_user_becomes_a_customer_on_the_free_plan(world: World) -> None:
    await world.register()
    (event,) = world.events(CustomerCreated)
    assert event.user_id == USER and event.plan == "free"

    view = await world.customer()
    assert (view.customer_id, view.email) == (event.customer_id, "1@example.org")
    assert (view.plan.code, view.plan.version, view.plan.since) == ("free", 1, NOW)


async def test_a_repeated_user_created_changes_nothing(world: World) -> None:
    await world.register()
    await world.register()
    assert len(world.events(CustomerCreated)) == 1
    assert len(world.customers.customers) == len(world.subscriptions.subscriptions) == 1


async def test_usage_before_a_late_user_created_is_on_the_bill(world: World) -> None:
    await world.use(3)
    world.clock.advance(days=2)
    await world.register(at=NOW)
    assert [line.requests for line in (await world.bill()).lines] == [3]


async def test_requests_of_a_user_without_customer_are_rejected(world: World) -> None:
    await world.register(OTHER)
    with pytest.raises(CustomerNotFound):
        await world.customer()
    with pytest.raises(CustomerNotFound):
        await world.bill()


async def test_usage_is_billed_by_application_and_environment_and_each_record_counts_once(world: World) -> None:
    await world.register()
    repeated = new_id()
    await world.use(3, id=repeated)
    await world.use(3, id=repeated)
    await world.use(4, NOW - timedelta(hours=2), cpu=120)
    await world.use(7, environment="production")
    await world.use(1000, user=OTHER)

    bill = await world.bill()
    assert [(line.environment, line.requests, line.cpu_milliseconds) for line in bill.lines] == [("production", 7, 0), ("staging", 7, 120)]
    assert isinstance(bill.lines[0], BillLineView) and bill.lines[0].application_id == APPLICATION
    assert [(charge.meter, charge.quantity, charge.included) for charge in bill.charges] == [
        ("requests", 14, 100_000),
        ("cpu_milliseconds", 120, 3_600_000),
    ]
    assert (bill.total.amount, bill.total.currency) == (0, "EUR")
    assert (bill.period.begin, bill.period.end) == (datetime(2026, 5, 20, tzinfo=UTC), datetime(2026, 6, 20, tzinfo=UTC))


async def test_a_bill_says_until_when_cpu_is_measured(world: World) -> None:
    await world.register()
    await world.use(0, NOW - timedelta(minutes=2), cpu=30)
    await world.use(0, NOW - timedelta(minutes=5), cpu=30)
    await world.use(100)  # their CPU time is not measured yet
    (line,) = (await world.bill()).lines
    assert (line.requests, line.cpu_milliseconds, line.cpu_measured_until) == (100, 60, NOW - timedelta(minutes=2) + timedelta(seconds=1))


async def test_late_usage_counts_in_the_period_of_its_window(world: World) -> None:
    await world.register()
    await world.use(5, datetime(2026, 5, 20, 9, tzinfo=UTC))
    world.clock.at = datetime(2026, 6, 20, 0, 5, tzinfo=UTC)
    await world.use(2, datetime(2026, 6, 19, 23, 59, 59, tzinfo=UTC))
    await world.use(1, datetime(2026, 6, 20, 0, 1, tzinfo=UTC))
    assert [line.requests for line in (await world.bill()).lines] == [1]
    world.clock.at = datetime(2026, 6, 19, 23, tzinfo=UTC)
    assert [line.requests for line in (await world.bill()).lines] == [7]


@pytest.mark.parametrize(
    ("begin", "requests"),
    [(NOW - timedelta(days=41), 1), (NOW + timedelta(hours=2), 1), (NOW, -1), (NOW, 10**15)],
    ids=["old", "future", "negative", "huge"],
)
async def test_implausible_usage_becomes_a_dead_letter_and_is_not_counted(world: World, begin: datetime, requests: int) -> None:
    await world.register()
    await world.use(requests, begin)
    (dead_letter,) = world.capsule.dead_letters
    assert isinstance(dead_letter.error, ImplausibleUsage)
    assert world.usage.hours == {}


async def test_the_bill_has_integer_minor_units_and_camel_case(world: World) -> None:
    await world.register()
    await world.use(3)
    wire = (await world.bill()).model_dump(mode="json", by_alias=True)
    assert wire["lines"][0] == {
        "applicationId": str(APPLICATION),
        "application": None,
        "isDeleted": False,
        "environment": "staging",
        "requests": 3,
        "cpuMilliseconds": 0,
        **dict.fromkeys(("databaseMibSeconds", "redisMibSeconds", "volumeMibSeconds", "backupMibSeconds"), 0),
        "cpuMeasuredUntil": None,
        "amount": {"amount": 0, "currency": "EUR"},
    }
    assert wire["plan"] == {"code": "free", "version": 1, "name": "Free", "fee": {"amount": 0, "currency": "EUR"}}


async def test_an_application_keeps_its_last_name_on_bills(world: World) -> None:
    await world.register()
    await world.use(3)

    async def named() -> list[tuple[str | None, bool]]:
        return [(line.application, line.is_deleted) for line in (await world.bill()).lines]

    def at(minutes: int) -> dict[str, Any]:
        return {"application_id": APPLICATION, "user_id": USER, "at": NOW + timedelta(minutes=minutes)}

    assert await named() == [(None, False)]  # from a version before usage named its application
    await world.use(3, name="first")
    assert await named() == [("first", False)]
    await world.publish(ApplicationRenamed(name="second", **at(2)))
    await world.use(3, name="first")  # overtaken
    assert await named() == [("second", False)]
    await world.publish(ApplicationDeleted(name="second", **at(3)))
    await world.publish(ApplicationRenamed(name="never", **at(4)))
    assert await named() == [("second", True)]
