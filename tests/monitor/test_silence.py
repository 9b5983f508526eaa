"""What a window without data means to an alert is a setting of its rule."""

from datetime import timedelta

import pytest

from functions.monitor.domain.rejections import InvalidRule
from tests.monitor.owner import delete_rule, make_rule, rules_of, traffic
from tests.monitor.world import MINUTE, Monitor


@pytest.fixture
async def monitor() -> Monitor:
    monitor = Monitor()
    await monitor.known()
    return monitor


@pytest.mark.parametrize("few", [0, 9])
async def test_by_default_an_alert_keeps_its_state(monitor: Monitor, few: int) -> None:
    await traffic(monitor, 0, 20)
    (fired,) = monitor.open_alerts()
    for _ in range(12):
        await monitor.advance(monitor.clock.now() + 30 * MINUTE)
        if few:
            await traffic(monitor, few, 0)
    (alert,) = monitor.open_alerts()
    assert (alert.id, alert.state, alert.summary) == (fired.id, "firing", fired.summary)
    assert "alert.resolved" not in monitor.event_types
    await traffic(monitor, 10, 0)
    assert monitor.open_alerts()[0].state == "resolved"


async def test_a_rule_can_resolve_its_alert(monitor: Monitor) -> None:
    await delete_rule(monitor, "error-rate")
    await make_rule(monitor, kind="error-rate", threshold=0.05, noData="resolve")
    await traffic(monitor, 0, 20)
    await monitor.advance(monitor.clock.now() + timedelta(hours=1))
    assert monitor.mails() == ["alert.fired: error-rate", "alert.resolved: error-rate"]


async def test_a_rule_can_fire_and_data_resolves_its_alert(monitor: Monitor) -> None:
    await delete_rule(monitor, "error-rate")
    await make_rule(monitor, kind="error-rate", threshold=0.05, environment="production", noData="fire", minRequests=3)
    await monitor.run("monitor.housekeeping")
    assert monitor.open_alerts() == [], "the first window is not over"
    await monitor.advance(monitor.clock.now() + 6 * MINUTE)
    await monitor.run("monitor.housekeeping")
    await monitor.run("monitor.housekeeping")
    (alert,) = monitor.open_alerts()
    assert (alert.state, alert.value, alert.summary) == ("firing", None, "production got no requests in 5 min")
    await traffic(monitor, 2, 0, "production")
    assert monitor.open_alerts()[0].summary == "production got only 2 requests in 5 min, fewer than 3"
    await traffic(monitor, 5, 0, "production")
    assert monitor.open_alerts()[0].state == "resolved"
    (rule,) = [rule for rule in await rules_of(monitor) if rule.kind == "error-rate"]
    assert rule.no_data == "fire"


@pytest.mark.parametrize("fields", [{"kind": "error-rate", "threshold": 0.1}, {"kind": "deployment-failed", "environment": "staging"}])
async def test_firing_needs_a_measured_rule_of_one_environment(monitor: Monitor, fields: dict[str, object]) -> None:
    with pytest.raises(InvalidRule):
        await make_rule(monitor, noData="fire", **fields)
