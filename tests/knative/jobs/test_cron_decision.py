"""When a CronJob starts a Job: missed ticks, overlap, suspension, history."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from knative.local.jobs.cron_decision import CronPlan, decide, expired

THREE = datetime(2026, 11, 30, 3, tzinfo=UTC)


def plan(since: datetime, now: datetime, active: int = 0, **spec: Any) -> CronPlan:
    return decide({"schedule": "0 3 * * *", **spec}, since, active, now)


def test_a_tick_starts_one_job() -> None:
    found = plan(THREE - timedelta(hours=1), THREE)
    assert (found.run_at, found.next_at) == (THREE, THREE + timedelta(days=1))
    assert plan(THREE, THREE + timedelta(seconds=1)).run_at is None


def test_of_several_missed_ticks_only_the_last_runs() -> None:
    assert plan(THREE - timedelta(days=9), THREE + timedelta(hours=2)).run_at == THREE


def test_a_tick_older_than_the_deadline_does_not_run() -> None:
    late = THREE + timedelta(minutes=11)
    assert plan(THREE - timedelta(hours=1), late, startingDeadlineSeconds=600).run_at is None
    assert plan(THREE - timedelta(hours=1), late, startingDeadlineSeconds=700).run_at == THREE


@pytest.mark.parametrize(("policy", "runs", "ends"), [("Allow", True, False), ("Forbid", False, False), ("Replace", True, True)])
def test_an_overlap_follows_the_policy(policy: str, runs: bool, ends: bool) -> None:
    found = plan(THREE - timedelta(hours=1), THREE, active=1, concurrencyPolicy=policy)
    assert (found.run_at is not None, found.end_active, found.skipped_at is not None) == (runs, ends, not runs)


def test_a_suspended_one_starts_nothing() -> None:
    assert plan(THREE - timedelta(hours=1), THREE, suspend=True) == CronPlan()


def test_its_time_zone_decides() -> None:
    at = datetime(2026, 7, 1, 1, tzinfo=UTC)  # 3 o'clock in Berlin's summer
    assert plan(at - timedelta(hours=1), at, timeZone="Europe/Berlin").run_at == at


def test_the_history_keeps_the_newest() -> None:
    ended = [("a", 1.0, True), ("b", 2.0, True), ("c", 3.0, False), ("d", 4.0, False)]
    assert expired(ended, {"successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 1}) == ["a", "c"]
