"""How the API shows a schedule."""

from datetime import datetime
from typing import Self
from uuid import UUID

from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.run import Run
from functions.deploy.domain.run_views import RunView
from functions.deploy.domain.schedule import Overlap, Schedule
from functions.kernel import Model


class ScheduleView(Model):
    id: UUID
    environment: EnvironmentName
    cron: str
    time_zone: str
    command: str
    overlap: Overlap
    timeout_seconds: int
    stop_seconds: int
    created_at: datetime
    paused_at: datetime | None
    next_at: datetime | None
    """The next time; null while it is paused."""
    last_run: RunView | None

    @classmethod
    def of(cls, schedule: Schedule, last_run: Run | None, now: datetime) -> Self:
        next_at = None if schedule.paused_at is not None else schedule.next_at(now)
        names = ("id", "environment", "cron", "time_zone", "command", "overlap", "timeout_seconds", "stop_seconds", "created_at", "paused_at")
        fields = {name: getattr(schedule, name) for name in names}
        return cls(**fields, next_at=next_at, last_run=RunView.of(last_run) if last_run else None)


class ScheduleAccepted(ScheduleView):
    """`operationId`: until the cluster has the change."""

    operation_id: UUID
