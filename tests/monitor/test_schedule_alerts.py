"""Alerts about schedules: one incident, one mail, ended by the next run that succeeds."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from events.workloads import ScheduleDeleted, ScheduledRunFailed, ScheduledRunMissed, ScheduledRunSucceeded
from functions.kernel import new_id
from functions.monitor.domain.rules import RuleKind
from tests.monitor.owner import delete_rule, rules_of
from tests.monitor.world import ADA, APP, MINUTE, Monitor

SCHEDULE = UUID(int=50)


@pytest.fixture
async def monitor() -> Monitor:
    monitor = Monitor()
    await monitor.known()
    return monitor


def fields(monitor: Monitor, schedule: UUID = SCHEDULE) -> dict[str, Any]:
    names = {"application_id": APP, "user_id": ADA.user_id, "application": "shop", "environment": "staging", "cron": "0 3 * * *"}
    return {**names, "schedule_id": schedule, "at": monitor.clock.now()}


async def fail(monitor: Monitor, schedule: UUID = SCHEDULE) -> None:
    await monitor.publish(ScheduledRunFailed(**fields(monitor, schedule), run_id=new_id(), exit_code=3), correlation_id="c1")
    await monitor.advance(monitor.clock.now() + MINUTE)


async def test_runs_that_fail_or_do_not_come_are_one_incident_until_one_succeeds(monitor: Monitor) -> None:
    await fail(monitor)
    await monitor.publish(ScheduledRunMissed(**fields(monitor), expected_at=monitor.clock.now() - timedelta(minutes=15)), correlation_id="c2")
    await monitor.advance(monitor.clock.now() + MINUTE)
    (alert,) = monitor.open_alerts()
    assert (alert.kind, alert.state, alert.occurrences) == (RuleKind.SCHEDULED_RUN_FAILED, "firing", 2)
    assert "0 3 * * * in staging that was due at" in alert.summary
    assert monitor.mails() == ["alert.fired: scheduled-run-failed"]
    await monitor.publish(ScheduledRunSucceeded(**fields(monitor), run_id=new_id()))
    assert [each.state for each in monitor.open_alerts()] == ["resolved"]
    await fail(monitor)
    assert [each.state for each in monitor.open_alerts()] == ["firing"], "another incident"


async def test_schedules_have_incidents_of_their_own(monitor: Monitor) -> None:
    await fail(monitor)
    await fail(monitor, UUID(int=51))
    assert len(monitor.open_alerts()) == 2


async def test_the_rule_comes_with_the_first_failure_and_a_deleted_one_stays_deleted(monitor: Monitor) -> None:
    assert RuleKind.SCHEDULED_RUN_FAILED not in {each.kind for each in await rules_of(monitor)}
    await fail(monitor)
    assert RuleKind.SCHEDULED_RUN_FAILED in {each.kind for each in await rules_of(monitor)}
    await delete_rule(monitor, RuleKind.SCHEDULED_RUN_FAILED)
    await fail(monitor, UUID(int=52))
    assert monitor.open_alerts() == []


async def test_a_deleted_schedule_has_no_open_alert(monitor: Monitor) -> None:
    await fail(monitor)
    await monitor.publish(ScheduleDeleted(**fields(monitor)))
    assert not monitor.open_alerts()
    assert monitor.mails() == ["alert.fired: scheduled-run-failed"], "nobody is told what its user did"


async def test_a_failure_that_is_reported_after_the_deletion_begins_no_alert(monitor: Monitor) -> None:
    await fail(monitor)
    await monitor.publish(ScheduleDeleted(**fields(monitor)))
    await fail(monitor)
    await monitor.publish(ScheduledRunMissed(**fields(monitor), expected_at=monitor.clock.now() - timedelta(minutes=15)))
    assert not monitor.open_alerts()
    await fail(monitor, UUID(int=51))
    assert len(monitor.open_alerts()) == 1, "another schedule"
