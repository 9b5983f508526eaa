"""Events of the deploy context about what runs beside `web`: processes, schedules and one-off commands."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event


class ScheduledRun(Event, abstract=True):
    """Fields of every event about a schedule and its runs. `cron`: the expression."""

    schedule_id: UUID
    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    cron: str
    at: datetime


class ScheduledRunSucceeded(ScheduledRun, type="scheduled-run.succeeded", is_public=True):
    """A run of a schedule ended with exit code 0."""

    run_id: UUID


class ScheduledRunFailed(ScheduledRun, type="scheduled-run.failed", is_public=True):
    """A run of a schedule failed.

    `exit_code`: null if it was stopped from outside, and then `detail` says why.
    """

    run_id: UUID
    exit_code: int | None = None
    detail: str = ""


class ScheduledRunMissed(ScheduledRun, type="scheduled-run.missed", is_public=True):
    """A run of a schedule has not come within 15 minutes of its time."""

    expected_at: datetime


class ScheduleDeleted(ScheduledRun, type="schedule.deleted"):
    """A schedule was deleted. It has no further runs."""


class ProcessScaled(Event, type="process.scaled", is_public=True):
    """Autoscaling changed the instances of a process type.

    `metric`: that decided. `value`: of a queue what waits in all, else the mean percent of the instances. `target`: of one
    instance. All are null if they are not known.
    """

    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    process: str
    former_instances: int
    instances: int
    metric: str | None = None
    value: float | None = None
    target: int | None = None
    at: datetime


class ProcessScalingObserved(Event, type="process.scaling-observed"):
    """The instances of a process type have changed.

    Deploy sends it to itself after some seconds, and reports the number of then.
    """

    application_id: UUID
    environment: str
    process: str
    at: datetime


class WorkloadRefreshRequested(Event, type="workloads.refresh-requested"):
    """What an environment runs beside `web` has changed.

    Its process types, their instances, its schedules, or the release of all. `operation`: the kind of the operation that a
    command has started; null: a release was rolled out.
    """

    application_id: UUID
    user_id: UUID
    application: str
    environment: str
    operation: str | None = None
    at: datetime


class RunRequested(Event, type="run.requested", subject="run_id"):
    """A one-off command was requested."""

    run_id: UUID
    application_id: UUID
    user_id: UUID
    environment: str
    at: datetime


class RunCancelled(Event, type="run.cancelled", subject="run_id"):
    """A one-off command was cancelled."""

    run_id: UUID
    application_id: UUID
    environment: str
    at: datetime
