"""Inspections in memory."""

from copy import deepcopy
from datetime import datetime, timedelta
from uuid import UUID

from functions.deploy.domain.inspection import TIMEOUT, Inspection


class MemoryInspections:
    def __init__(self) -> None:
        self._rows: dict[UUID, Inspection] = {}

    async def add(self, inspection: Inspection) -> None:
        self._rows[inspection.id] = deepcopy(inspection)

    async def find(self, inspection_id: UUID) -> Inspection | None:
        return deepcopy(self._rows.get(inspection_id))

    async def lock(self, inspection_id: UUID) -> Inspection | None:
        return await self.find(inspection_id)

    async def save(self, inspection: Inspection) -> None:
        self._rows[inspection.id] = deepcopy(inspection)

    async def count(self, team_id: UUID, now: datetime) -> tuple[int, int]:
        recent = [each for each in self._rows.values() if each.team_id == team_id and each.requested_at > now - timedelta(hours=1)]
        return sum(each.finished_at is None and each.requested_at > now - TIMEOUT for each in recent), len(recent)

    async def list_overdue(self, requested_before: datetime, limit: int) -> list[Inspection]:
        found = [each for each in self._rows.values() if each.finished_at is None and each.requested_at < requested_before]
        return deepcopy(sorted(found, key=lambda each: each.requested_at)[:limit])

    async def delete_before(self, requested_before: datetime) -> None:
        self._rows = {key: each for key, each in self._rows.items() if each.finished_at is None or each.requested_at >= requested_before}
