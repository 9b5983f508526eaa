"""One-off commands in memory."""

from copy import deepcopy
from datetime import datetime
from uuid import UUID

from functions.deploy.domain.rejections import RunNotFound
from functions.deploy.domain.run import Run
from tests.memory.deploy import MemoryApplications


class MemoryRuns:
    def __init__(self, applications: MemoryApplications) -> None:
        self._applications = applications
        self._rows: dict[UUID, Run] = {}

    async def add(self, run: Run) -> None:
        self._rows[run.id] = deepcopy(run)

    async def get(self, application_id: UUID, run_id: UUID) -> Run:
        found = self._rows.get(run_id)
        if found is None or found.application_id != application_id:
            raise RunNotFound.of(run_id)
        return deepcopy(found)

    async def lock(self, application_id: UUID, run_id: UUID) -> Run:
        return await self.get(application_id, run_id)

    async def save(self, run: Run) -> None:
        self._rows[run.id] = deepcopy(run)

    async def count_active(self, application_id: UUID, since: datetime) -> int:
        rows = [each for each in self._rows.values() if each.application_id == application_id]
        return sum(each.finished_at is None and each.requested_at >= since for each in rows)

    async def find_active(self, application: str, job: str) -> Run | None:
        for each in self._rows.values():
            if each.finished_at is None and each.job == job and (await self._applications.get(each.application_id)).name == application:
                return deepcopy(each)
        return None

    async def delete_before(self, requested_before: datetime) -> None:
        self._rows = {key: each for key, each in self._rows.items() if each.requested_at >= requested_before}
