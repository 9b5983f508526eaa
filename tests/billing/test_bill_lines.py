"""The lines of a bill, page by page: an account with many applications."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from events.monitor import UsageMeasured
from functions.billing.queries.current_bill import BillView, CurrentBill
from functions.kernel import Caller, new_id
from tests.billing.world import USER, World

APPLICATIONS = sorted(new_id() for _ in range(5))


@pytest.fixture
async def world() -> World:
    world = World()
    await world.subscribed("pro")
    for number, application in enumerate(APPLICATIONS, 1):
        for environment in ("production", "staging"):
            await world.publish(_usage(application, environment, number * 1_000_000, world.clock.now()))
    await world.settle()
    return world


def _usage(application: UUID, environment: str, requests: int, at: datetime) -> UsageMeasured:
    begin = at.astimezone(UTC) - timedelta(minutes=1)
    return UsageMeasured(
        usage_id=new_id(), application_id=application, user_id=USER, application="app", environment=environment, window_from=begin,
        window_to=at, requests=requests, cpu_milliseconds=0,
    )  # fmt: skip


async def _bill(world: World, **request: object) -> BillView:
    view: BillView = await world.capsule.call(CurrentBill.model_validate(request), caller=Caller(USER))
    return view


async def test_pages_have_every_line_once_and_add_up_to_the_charges(world: World) -> None:
    lines, cursor, whole = [], None, await _bill(world)
    assert (len(whole.lines), whole.next) == (10, None)
    while True:
        page = await _bill(world, limit=3, cursor=cursor)
        assert page.charges == whole.charges and page.total == whole.total, "each page has the whole bill"
        lines, cursor = [*lines, *page.lines], page.next
        if cursor is None:
            break
    assert lines == whole.lines
    assert sum(line.amount.amount for line in lines) == sum(charge.amount.amount for charge in whole.charges) > 0


async def test_lines_of_one_application(world: World) -> None:
    found = await _bill(world, application_id=APPLICATIONS[3])
    assert [(line.application_id, line.environment) for line in found.lines] == [(APPLICATIONS[3], "production"), (APPLICATIONS[3], "staging")]
    assert found.charges == (await _bill(world)).charges


async def test_without_lines_the_bill_has_the_same_sums(world: World) -> None:
    whole, without = await _bill(world), await _bill(world, limit=0)
    assert without == whole.model_copy(update={"lines": [], "next": None})
