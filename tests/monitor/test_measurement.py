"""Whether anything is measured: what a silent collector causes."""

import pytest

from events.cluster import ResourcesMeasured
from events.monitor import MeasurementInterrupted, MeasurementResumed
from functions.monitor import ports
from functions.monitor.queries.metrics import ReadMetrics
from tests.memory.monitor import MemoryCollection
from tests.monitor.world import ADA, APP, DEPLOYMENT, NOW, Monitor


@pytest.fixture
async def monitor() -> Monitor:
    monitor = Monitor()
    collection: MemoryCollection = monitor.port(ports.Collection)
    collection.reported_at = NOW
    await monitor.known()
    return monitor


async def not_measured_since(monitor: Monitor) -> object:
    return (await monitor.call(ReadMetrics(application_id=APP), caller=ADA)).not_measured_since


async def test_silence_is_published_once_and_shown(monitor: Monitor) -> None:
    await monitor.advance(minutes=20)
    await monitor.run("monitor.housekeeping")
    assert not monitor.events(MeasurementInterrupted) and await not_measured_since(monitor) is None, "idle pods are reported every ten minutes"
    await monitor.advance(minutes=6)
    for _ in range(2):
        await monitor.run("monitor.housekeeping")
    assert [event.since for event in monitor.events(MeasurementInterrupted)] == [NOW]
    assert await not_measured_since(monitor) == NOW


async def test_a_report_ends_it(monitor: Monitor) -> None:
    await monitor.advance(minutes=30)
    await monitor.run("monitor.housekeeping")
    for _ in range(2):
        await monitor.publish(ResourcesMeasured(windows=[]))
    assert len(monitor.events(MeasurementResumed)) == 1 and await not_measured_since(monitor) is None


@pytest.mark.parametrize(("reason", "is_published"), [("not-measured", True), ("exits-at-start", False)])
async def test_a_deployment_that_was_not_measured_is_noticed_at_once(monitor: Monitor, reason: str, is_published: bool) -> None:
    await monitor.advance(minutes=2)
    await monitor.failed(DEPLOYMENT, reason=reason)
    assert bool(monitor.events(MeasurementInterrupted)) is is_published
