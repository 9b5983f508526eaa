"""Stores of schedules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from functions.deploy.domain.schedule import Schedule


class Schedules(Protocol):
    """Callers hold the lock of the application when they write."""

    async def save(self, schedule: Schedule) -> None:
        """Store or replace."""
        ...

    async def get(self, application_id: UUID, schedule_id: UUID) -> Schedule:
        """Raises ScheduleNotFound, also for one of another application."""
        ...

    async def find_by_cron_job(self, application: str, cron_job: str) -> Schedule | None:
        """The schedule of an active application, by name, that has this CronJob."""
        ...

    async def lock(self, schedule_id: UUID) -> Schedule | None:
        """The schedule, locked until the transaction ends; None if it is deleted."""
        ...

    async def list_all(self, application_id: UUID, environment: str | None = None) -> Sequence[Schedule]:
        """Oldest first."""
        ...

    async def lock_overdue(self, expected_before: datetime, limit: int) -> Sequence[Schedule]:
        """Schedules whose run should have come before then, locked until the transaction ends."""
        ...

    async def delete(self, schedule_id: UUID) -> None: ...

    async def delete_of_environment(self, application_id: UUID, environment: str) -> None: ...
