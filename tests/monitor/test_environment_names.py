"""Queries by the name of an environment that does not exist answer 404 with the existing names."""

import pytest

from events.deploy import EnvironmentCreated
from functions.monitor.domain.rejections import ApplicationNotFound, EnvironmentNotFound
from tests.monitor.owner import make_rule
from tests.monitor.world import ADA, APP, BOB, MINUTE, NOW, Monitor, window


@pytest.fixture
async def monitor() -> Monitor:
    monitor = Monitor()
    await monitor.known()
    return monitor


async def test_an_unknown_name_is_rejected_with_the_existing_ones(monitor: Monitor) -> None:
    for _ in range(2):
        await monitor.publish(EnvironmentCreated(application_id=APP, user_id=ADA.user_id, application="shop", environment="preview", at=NOW))
    for ask in (
        monitor.metrics(environment="prod"),
        monitor.read(environment="prod"),
        make_rule(monitor, kind="deployment-failed", environment="prod"),
    ):
        with pytest.raises(EnvironmentNotFound, match=r'"prod" of shop does not exist\. Existing environments: preview, production, staging'):
            await ask


async def test_existing_names_are_found_before_and_after_their_first_deployment(monitor: Monitor) -> None:
    for name in ("staging", "production"):
        assert (await monitor.metrics(environment=name)).measured_until is None
    await monitor.publish(EnvironmentCreated(application_id=APP, user_id=ADA.user_id, application="shop", environment="preview", at=NOW))
    assert (await monitor.read(environment="preview")).lines == []


async def test_metrics_say_until_when_they_are_measured(monitor: Monitor) -> None:
    await monitor.measured(window(3, NOW - 2 * MINUTE), window(1, NOW - MINUTE))
    newest = (await monitor.metrics()).measured_until
    assert newest is not None and NOW - MINUTE < newest < NOW
    assert (await monitor.metrics(environment="staging")).measured_until == newest
    assert (await monitor.metrics(environment="production")).measured_until is None


async def test_a_stranger_learns_no_names(monitor: Monitor) -> None:
    with pytest.raises(ApplicationNotFound):
        await monitor.metrics(BOB, environment="prod")
