"""Queries by the name of an environment that does not exist answer 404 with the existing names."""

from datetime import datetime

import pytest

from events.deploy import ApplicationDeleted, EnvironmentCreated, EnvironmentDeleted
from functions.monitor.domain.rejections import ApplicationNotFound, EnvironmentNotFound
from tests.monitor.owner import channel, make_rule, rules_of
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


def changed(event: type[EnvironmentCreated] | type[EnvironmentDeleted], name: str, at: datetime) -> EnvironmentCreated | EnvironmentDeleted:
    return event(application_id=APP, user_id=ADA.user_id, application="shop", environment=name, at=at)


async def test_no_rule_is_made_for_a_deleted_environment_and_its_logs_stay_readable(monitor: Monitor) -> None:
    await monitor.publish(changed(EnvironmentCreated, "preview", NOW))
    await monitor.publish(changed(EnvironmentDeleted, "preview", NOW + MINUTE))
    await monitor.publish(changed(EnvironmentDeleted, "staging", NOW))
    with pytest.raises(EnvironmentNotFound, match=r'"preview" of shop does not exist\. Existing environments: production\.'):
        await make_rule(monitor, kind="deployment-failed", environment="preview")
    assert (await monitor.read(environment="preview")).lines == []
    await monitor.publish(changed(EnvironmentCreated, "preview", NOW + 2 * MINUTE))
    await make_rule(monitor, kind="deployment-failed", environment="preview")


async def test_the_rules_of_an_environment_are_deleted_with_it(monitor: Monitor) -> None:
    await monitor.publish(changed(EnvironmentCreated, "preview", NOW))
    await make_rule(monitor, kind="error-rate", environment="preview", threshold=0.1, noData="fire")
    everywhere = await make_rule(monitor, kind="error-rate", threshold=0.5)
    await monitor.publish(changed(EnvironmentDeleted, "preview", NOW + MINUTE))
    own = [rule for rule in await rules_of(monitor) if not rule.preset]
    assert [rule.id for rule in own] == [everywhere]


async def test_nothing_new_is_made_for_a_deleted_application(monitor: Monitor) -> None:
    await monitor.publish(ApplicationDeleted(application_id=APP, user_id=ADA.user_id, name="shop", at=NOW))
    for attempt in (make_rule(monitor, kind="deployment-failed"), channel(monitor)):
        with pytest.raises(ApplicationNotFound, match=r"shop was deleted at .* can only be read"):
            await attempt
    assert (await monitor.read()).lines == []


async def test_a_stranger_learns_no_names(monitor: Monitor) -> None:
    with pytest.raises(ApplicationNotFound):
        await monitor.metrics(BOB, environment="prod")
