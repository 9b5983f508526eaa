"""Alerts over memory: what fires when, what ends it, and that one incident is one mail."""

import json
from datetime import timedelta
from uuid import UUID

import pytest

from events.deploy import EnvironmentDeleted
from events.deployments import DeploymentFailed, DeploymentRolledBack
from functions.kernel import Forbidden
from functions.monitor import ports
from functions.monitor.commands.acknowledge_alert import AcknowledgeAlert
from functions.monitor.domain.deployments import failure, rollback
from functions.monitor.domain.timers import REPEAT, SETTLE, AlertCheckRequested
from functions.monitor.queries.alerts import ListAlerts
from tests.monitor.owner import channel, delete_rule, make_rule, rules_of, traffic
from tests.monitor.world import ADA, ADMIN, APP, DEPLOYMENT, MINUTE, NOW, Monitor

SECOND = timedelta(seconds=1)


@pytest.fixture
async def monitor() -> Monitor:
    monitor = Monitor()
    await monitor.known()
    return monitor


async def test_a_failed_deployment_is_an_alert_and_one_mail_whatever_it_is_called(monitor: Monitor) -> None:
    await monitor.failed(reason="not-ready")
    await monitor.advance(monitor.clock.now() + 2 * SECOND)
    await monitor.rolled_back()
    assert monitor.mails() == []
    await monitor.advance(monitor.clock.now() + timedelta(days=2))
    assert monitor.mails() == ["alert.fired: deployment-rolled-back"]
    (alert,) = monitor.open_alerts()
    assert (alert.state, alert.deployment_id, alert.correlation_id) == ("firing", DEPLOYMENT, "c1")
    (_, to, content) = monitor.mailer.sent[0]
    assert to == "ada@example.org" and content.application == "shop" and "rolled back (error-rate)" in content.alerts[0].summary
    assert monitor.event_types == ["alert.fired", "alert-notification.requested"]


async def test_each_deployment_that_fails_is_an_incident_of_its_own(monitor: Monitor) -> None:
    await monitor.failed(UUID(int=31))
    await monitor.advance(monitor.clock.now() + MINUTE)
    await monitor.failed(UUID(int=32), "not-ready")
    await monitor.advance(monitor.clock.now() + MINUTE)
    assert monitor.mails() == ["alert.fired: deployment-failed"] * 2


async def test_what_breaks_together_is_told_in_one_mail(monitor: Monitor) -> None:
    await traffic(monitor, 50, 50)
    await monitor.rolled_back()
    await monitor.advance(monitor.clock.now() + MINUTE)
    assert monitor.mails() == ["alert.fired: error-rate; deployment-rolled-back"]


async def test_the_next_success_of_that_environment_ends_it_without_another_mail(monitor: Monitor) -> None:
    hook = await channel(monitor)
    await monitor.failed()
    await monitor.advance(monitor.clock.now() + MINUTE)
    await monitor.succeeded(UUID(int=40), "production")
    assert monitor.open_alerts()[0].state == "firing"
    await monitor.succeeded(UUID(int=41))
    assert monitor.open_alerts()[0].state == "resolved"
    await monitor.advance(monitor.clock.now() + (SETTLE + SECOND))
    assert monitor.open_alerts() == [] and len(monitor.mails()) == 1
    assert [json.loads(body)["type"] for _, _, _, body in monitor.webhooks.posted] == ["alert.fired", "alert.resolved"]
    assert monitor.webhooks.posted[0][1] == hook.secret
    await monitor.rolled_back()  # said late, of the same deployment: nothing new
    assert monitor.open_alerts() == []


@pytest.mark.parametrize("reason", ["application-deleted", "environment-deleted", "cancelled"])
async def test_a_deployment_that_somebody_stopped_is_nobodys_alarm(monitor: Monitor, reason: str) -> None:
    await monitor.failed(reason=reason)
    assert monitor.open_alerts() == [] and len(monitor.port(ports.Markers).markers) == 1


async def test_an_environment_that_is_given_up_alarms_nobody(monitor: Monitor) -> None:
    await monitor.failed(UUID(int=31), environment="preview")
    await monitor.failed(UUID(int=32))
    fields = {"application_id": APP, "user_id": ADA.user_id, "application": "shop", "environment": "preview"}
    await monitor.publish(EnvironmentDeleted(**fields, at=monitor.clock.at))
    assert [alert.environment for alert in monitor.open_alerts()] == ["staging"]


def test_a_summary_says_what_failed_why_and_what_serves() -> None:
    fields = {"deployment_id": DEPLOYMENT, "application_id": APP, "user_id": ADA.user_id, "environment": "staging", "at": NOW}
    failed = DeploymentFailed(**fields, reason="not-ready", detail="It never listened on its port.", release=7, rolled_back_to=6)
    assert failure(failed) == "deployment of r7 to staging failed (not-ready): It never listened on its port; r6 is still serving"
    bare = DeploymentFailed(**fields, reason="build-failed", detail="exit 1")
    assert failure(bare) == "deployment to staging failed (build-failed): exit 1"
    back = DeploymentRolledBack(**fields, release_id=DEPLOYMENT, reason="errors", detail="12 of 20 requests failed.", release=7, rolled_back_to=6)
    assert rollback(back) == "deployment of r7 to staging was rolled back to r6 (errors): 12 of 20 requests failed"


async def test_an_application_of_which_nothing_is_known_yet_has_its_rules_and_its_mail_waits() -> None:
    monitor = Monitor()
    await monitor.failed()
    await monitor.advance(monitor.clock.now() + 10 * MINUTE)
    assert len(monitor.open_alerts()) == 1 and monitor.mails() == []
    await monitor.known()
    await monitor.advance(monitor.clock.now() + 20 * MINUTE)
    assert monitor.mails() == ["alert.fired: deployment-failed"]
    assert len(await rules_of(monitor)) == 3


# --- conditions


async def test_errors_over_the_threshold_fire_and_end_when_requests_succeed(monitor: Monitor) -> None:
    await traffic(monitor, 95, 5)
    assert monitor.open_alerts() == [], "5 % is not over 5 %"
    await traffic(monitor, 0, 1)
    (alert,) = monitor.open_alerts()
    assert (alert.state, alert.kind, alert.environment) == ("firing", "error-rate", "staging")
    assert alert.value == pytest.approx(6 / 101) and "5.9% of requests to staging failed with 5xx in 5 min" in alert.summary
    await traffic(monitor, 0, 99)
    (alert,) = monitor.open_alerts()
    assert alert.value == pytest.approx(105 / 200) and "52.5% of requests" in alert.summary, "the summary follows the value"
    await monitor.advance(monitor.clock.now() + 6 * MINUTE)
    await traffic(monitor, 10, 0)
    assert alert.id == monitor.open_alerts()[0].id and monitor.open_alerts()[0].state == "resolved"
    await monitor.advance(monitor.clock.now() + SETTLE + 5 * MINUTE)
    assert monitor.open_alerts() == [] and monitor.mails() == ["alert.fired: error-rate", "alert.resolved: error-rate"]
    assert [name for name in monitor.event_types if name.startswith("alert.")][-2:] == ["alert.fired", "alert.resolved"]
    assert all(due > monitor.clock.at + REPEAT / 2 for due, _ in monitor.reminders()), "no check is left"


async def test_few_requests_say_nothing_and_environments_are_apart(monitor: Monitor) -> None:
    await traffic(monitor, 0, 9)
    await traffic(monitor, 100, 0, "production")
    assert monitor.open_alerts() == []
    await traffic(monitor, 0, 1)
    assert [alert.environment for alert in monitor.open_alerts()] == ["staging"]


async def test_what_goes_on_is_one_incident_told_again_after_hours_until_somebody_looks_after_it(monitor: Monitor) -> None:
    for _ in range(5 * 30):
        await traffic(monitor, 2, 18)
        await monitor.advance(monitor.clock.now() + 2 * MINUTE)
    assert monitor.mails() == ["alert.fired: error-rate"] * 2, "at once, and after four hours"
    (alert,) = monitor.open_alerts()
    acknowledged = await monitor.call(AcknowledgeAlert(alert_id=alert.id), caller=ADA)
    with pytest.raises(Forbidden, match=r"alerts\.write"):
        await monitor.call(AcknowledgeAlert(alert_id=alert.id), caller=ADMIN)
    again = await monitor.call(AcknowledgeAlert(alert_id=alert.id), caller=ADA)
    assert again == acknowledged and acknowledged.acknowledged_by == ADA.user_id
    for _ in range(5 * 30):
        await traffic(monitor, 1, 19)
        await monitor.advance(monitor.clock.now() + 2 * MINUTE)
    assert len(monitor.mails()) == 2 and len(monitor.alerts.alerts) == 1
    await monitor.advance(monitor.clock.now() + 6 * MINUTE)
    await traffic(monitor, 20, 0)
    await monitor.advance(monitor.clock.now() + timedelta(hours=1))
    assert monitor.mails()[2:] == ["alert.resolved: error-rate"]


async def test_what_comes_back_soon_is_the_same_incident(monitor: Monitor) -> None:
    await delete_rule(monitor, "error-rate")
    await make_rule(monitor, kind="error-rate", threshold=0.05, window=60)
    for _ in range(4):
        await traffic(monitor, 0, 20)
        await monitor.advance(monitor.clock.now() + 30 * SECOND)
        await traffic(monitor, 1000, 0)
        assert monitor.open_alerts()[0].state == "resolved"
        await monitor.advance(monitor.clock.now() + 2 * MINUTE)
    (alert,) = monitor.open_alerts()
    assert alert.occurrences == 4 and len(monitor.alerts.alerts) == 1
    assert monitor.mails() == ["alert.fired: error-rate"]
    await monitor.advance(monitor.clock.now() + timedelta(hours=1))
    assert monitor.mails() == ["alert.fired: error-rate", "alert.resolved: error-rate"]
    await traffic(monitor, 0, 20)
    assert len(monitor.alerts.alerts) == 2, "later, it is another"


async def test_a_condition_that_must_last_is_pending_first(monitor: Monitor) -> None:
    await delete_rule(monitor, "error-rate")
    await make_rule(monitor, kind="error-rate", threshold=0.1, window=60, **{"for": 120})
    await traffic(monitor, 1, 9)
    assert [alert.state for alert in monitor.open_alerts()] == ["pending"]
    await monitor.advance(monitor.clock.now() + timedelta(hours=1))
    assert monitor.open_alerts() == [] and monitor.mails() == [], "it did not last"
    for _ in range(4):
        await traffic(monitor, 1, 9)
        await monitor.advance(monitor.clock.now() + 50 * SECOND)
    (alert,) = monitor.open_alerts()
    assert alert.state == "firing" and alert.fired_at is not None and alert.fired_at - alert.began_at >= timedelta(seconds=119)
    view = await monitor.call(ListAlerts(), caller=ADA)
    assert [each.id for each in view.items] == [alert.id], "what never fired is no history"


async def test_latency_is_of_all_requests_of_the_window(monitor: Monitor) -> None:
    await make_rule(monitor, kind="latency", threshold=200, window=300, environment="staging", minRequests=10)
    await traffic(monitor, 100, 0, ms=50)
    await traffic(monitor, 4, 0, ms=900)
    assert monitor.open_alerts() == []
    await traffic(monitor, 20, 0, "production", ms=900)
    await traffic(monitor, 10, 0, ms=900)
    (alert,) = monitor.open_alerts()
    assert (alert.kind, alert.environment, alert.value) == ("latency", "staging", pytest.approx(900, rel=0.03))


async def test_a_check_that_comes_late_or_twice_changes_nothing(monitor: Monitor) -> None:
    await traffic(monitor, 0, 20)
    stale = [event for _, event in monitor.reminders()]
    await monitor.advance(monitor.clock.now() + 6 * MINUTE)
    await traffic(monitor, 20, 0)
    await monitor.advance(monitor.clock.now() + 30 * MINUTE)
    assert monitor.open_alerts() == []
    published = len(monitor.published)
    for event in stale:
        await monitor.publish(event)
    await monitor.advance(monitor.clock.now() + MINUTE)
    assert len(monitor.published) == published and len(monitor.mails()) == 2


async def test_a_check_of_an_earlier_state_schedules_no_second_series_of_checks(monitor: Monitor) -> None:
    await delete_rule(monitor, "error-rate")
    await make_rule(monitor, kind="error-rate", threshold=0.1, window=60, **{"for": 120})
    await traffic(monitor, 1, 9)
    [(due, of_pending)] = monitor.reminders()
    await monitor.advance(due - timedelta(seconds=0.5))
    await traffic(monitor, 1, 9)
    assert [alert.state for alert in monitor.open_alerts()] == ["firing"]
    await monitor.advance(seconds=1)
    checks = [event for _, event in monitor.reminders() if isinstance(event, AlertCheckRequested)]
    assert len(checks) == 1 and checks != [of_pending]
