"""Bills while nothing is measured."""

from datetime import timedelta

import pytest

from events.monitor import MeasurementInterrupted, MeasurementResumed
from tests.billing.world import NOW, World

INTERRUPTED = MeasurementInterrupted(since=NOW - timedelta(minutes=25), at=NOW)


@pytest.fixture
async def world() -> World:
    world = World()
    await world.register()
    return world


async def test_a_bill_names_since_when_nothing_is_measured(world: World) -> None:
    assert (await world.bill()).not_measured_since is None
    await world.publish(INTERRUPTED)
    assert (await world.bill()).not_measured_since == INTERRUPTED.since
    await world.publish(MeasurementResumed(at=NOW + timedelta(minutes=1)))
    assert (await world.bill()).not_measured_since is None


async def test_the_newest_state_counts_in_any_order(world: World) -> None:
    await world.publish(MeasurementResumed(at=NOW + timedelta(minutes=1)))
    await world.publish(INTERRUPTED)
    assert (await world.bill()).not_measured_since is None
