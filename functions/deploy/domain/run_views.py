"""How the API shows a one-off command."""

from datetime import datetime
from typing import Self
from uuid import UUID

from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.run import Run, RunStatus, RunStreams
from functions.kernel import Model


class RunView(Model):
    id: UUID
    environment: EnvironmentName
    command: str
    status: RunStatus
    exit_code: int | None
    """Null while it runs, and if it was stopped from outside."""
    detail: str | None
    """Why there is no exit code."""
    requested_at: datetime
    finished_at: datetime | None
    streams: RunStreams
    """Where its standard streams lead: `logged`, `pipes` or `terminal`."""
    attached_at: datetime | None
    """When the first client was attached; null with `logged`, and before."""

    schedule_id: UUID | None
    """Of the schedule that it belongs to."""
    scheduled_at: datetime | None
    """The time of the schedule; null if it was started by hand."""
    log_id: UUID
    """Read its log with this as `deployment`; for a run at its scheduled time between `requestedAt` and `finishedAt`."""

    @classmethod
    def of(cls, run: Run) -> Self:
        return cls.model_validate(run, from_attributes=True)
