"""Decide the next step of a CronJob from its spec, its Jobs and the time. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from functions.wire.cron import Schedule

MAX_MISSED = 100_000
"""Ticks that are looked through for the last one that was missed: ten weeks of every minute."""


@dataclass(frozen=True, slots=True)
class CronPlan:
    run_at: datetime | None = None
    """The scheduled time of a Job to start now."""
    end_active: bool = False
    """End the Jobs that run, before another one starts."""
    next_at: datetime | None = None
    """The next tick after now; None: there is none, or it is suspended."""
    skipped_at: datetime | None = None
    """A tick whose time has passed and that starts nothing, because a Job still runs."""


def decide(spec: Mapping[str, Any], since: datetime, active: int, now: datetime) -> CronPlan:
    """`since`: the last scheduled time that was handled, or when the CronJob was created. `active`: Jobs of it that run.

    Of several missed ticks only the last is run, if it is not older than startingDeadlineSeconds. Source: Kubernetes, "CronJob: Schedule
    suspension, Concurrency policy", and syncCronJob of its controller (v1.34).
    """
    if spec.get("suspend"):
        return CronPlan()
    schedule = Schedule.parse(spec["schedule"], spec.get("timeZone") or "")
    deadline = spec.get("startingDeadlineSeconds")
    earliest = since if deadline is None else max(since, now - timedelta(seconds=float(deadline)))
    missed = _last_tick(schedule, earliest, now)
    next_at = schedule.next(now)
    if missed is None:
        return CronPlan(next_at=next_at)
    policy = spec.get("concurrencyPolicy", "Allow")
    if active and policy == "Forbid":
        return CronPlan(next_at=next_at, skipped_at=missed)
    return CronPlan(run_at=missed, end_active=bool(active and policy == "Replace"), next_at=next_at)


def expired(finished: Sequence[tuple[str, float, bool]], spec: Mapping[str, Any]) -> list[str]:
    """Return the names of the ended Jobs that exceed the limits of the history, oldest first. `finished`: name, end, whether it succeeded."""
    names: list[str] = []
    limits = {True: int(spec.get("successfulJobsHistoryLimit", 3)), False: int(spec.get("failedJobsHistoryLimit", 1))}
    for has_succeeded, limit in limits.items():
        ended = [name for name, _, succeeded in sorted(finished, key=lambda each: each[1]) if succeeded is has_succeeded]
        names += ended[: max(len(ended) - limit, 0)]
    return names


def _last_tick(schedule: Schedule, after: datetime, until: datetime) -> datetime | None:
    last, tick = None, schedule.next(after)
    for _ in range(MAX_MISSED):
        if tick is None or tick > until:
            break
        last, tick = tick, schedule.next(tick)
    return last
