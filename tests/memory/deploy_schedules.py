"""Schedules in memory."""

from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime
from uuid import UUID

from functions.deploy.domain.schedule import Schedule
from functions.deploy.domain.workload_rejections import ScheduleNotFound
from tests.memory.deploy import MemoryApplications


class MemorySchedules:
    def __init__(self, applications: MemoryApplications) -> None:
        self._applications = applications
        self._rows: dict[UUID, Schedule] = {}

    async def save(self, schedule: Schedule) -> None:
        self._rows[schedule.id] = deepcopy(schedule)

    async def get(self, application_id: UUID, schedule_id: UUID) -> Schedule:
        found = self._rows.get(schedule_id)
        if found is None or found.application_id != application_id:
            raise ScheduleNotFound.of(schedule_id)
        return deepcopy(found)

    async def find_by_cron_job(self, application: str, cron_job: str) -> Schedule | None:
        for each in self._rows.values():
            if each.cron_job == cron_job and (await self._applications.get_any(each.application_id)).name == application:
                return deepcopy(each)
        return None

    async def lock(self, schedule_id: UUID) -> Schedule | None:
        return deepcopy(self._rows.get(schedule_id))

    async def list_all(self, application_id: UUID, environment: str | None = None) -> Sequence[Schedule]:
        rows = [each for each in self._rows.values() if each.application_id == application_id and environment in (None, each.environment)]
        return deepcopy(sorted(rows, key=lambda each: each.id))

    async def lock_overdue(self, expected_before: datetime, limit: int) -> Sequence[Schedule]:
        overdue = [(each.expected_at, each) for each in self._rows.values() if each.expected_at is not None and each.expected_at < expected_before]
        return deepcopy([each for _, each in sorted(overdue, key=lambda pair: pair[0])][:limit])

    async def delete(self, schedule_id: UUID) -> None:
        self._rows.pop(schedule_id, None)

    async def delete_of_environment(self, application_id: UUID, environment: str) -> None:
        self._rows = {key: each for key, each in self._rows.items() if (each.application_id, each.environment) != (application_id, environment)}
