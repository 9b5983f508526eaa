"""One-off commands in memory."""

from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime
from uuid import UUID

from functions.deploy.domain.attach_ticket import AttachTicket
from functions.deploy.domain.rejections import RunNotFound, TicketNotFound
from functions.deploy.domain.run import Run, RunStreams
from tests.memory.deploy import MemoryApplications


class MemoryRuns:
    def __init__(self, applications: MemoryApplications) -> None:
        self._applications = applications
        self._rows: dict[UUID, Run] = {}
        self._tickets: dict[bytes, AttachTicket] = {}

    async def add(self, run: Run) -> None:
        self._rows[run.id] = deepcopy(run)

    async def get(self, application_id: UUID, run_id: UUID) -> Run:
        found = self._rows.get(run_id)
        if found is None or found.application_id != application_id:
            raise RunNotFound.of(run_id)
        return deepcopy(found)

    async def find(self, run_id: UUID) -> Run | None:
        return deepcopy(self._rows.get(run_id))

    async def lock(self, application_id: UUID, run_id: UUID) -> Run:
        return await self.get(application_id, run_id)

    async def save(self, run: Run) -> None:
        self._rows[run.id] = deepcopy(run)

    async def count_active(self, application_id: UUID, since: datetime) -> int:
        return sum(each.application_id == application_id and each.scheduled_at is None for each in self._active(since))

    async def count_attachable(self, user_id: UUID, since: datetime) -> int:
        attachable = [each for each in self._active(since) if each.streams is not RunStreams.LOGGED]
        return sum([(await self._applications.get_any(each.application_id)).user_id == user_id for each in attachable])

    async def lock_waiting(self, requested_before: datetime, limit: int) -> Sequence[Run]:
        active = [each for each in self._rows.values() if each.finished_at is None and each.requested_at < requested_before]
        return deepcopy([each for each in active if each.streams is not RunStreams.LOGGED and each.attached_at is None][:limit])

    async def find_by_job(self, application_id: UUID, job_name: str) -> Run | None:
        return deepcopy(next((each for each in self._rows.values() if (each.application_id, each.job_name) == (application_id, job_name)), None))

    async def lock_unfinished(self, schedule_id: UUID) -> Sequence[Run]:
        rows = [each for each in self._rows.values() if each.schedule_id == schedule_id and each.finished_at is None]
        return deepcopy(sorted(rows, key=lambda row: row.id))

    async def page_of_schedule(self, schedule_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Run]:
        rows = [each for each in self._rows.values() if each.schedule_id == schedule_id and (before is None or each.id < before)]
        return deepcopy(sorted(rows, key=lambda row: row.id, reverse=True)[:limit])

    async def page(self, application_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Run]:
        rows = [each for each in self._rows.values() if each.application_id == application_id and (before is None or each.id < before)]
        return deepcopy(sorted(rows, key=lambda row: row.id, reverse=True)[:limit])

    async def add_ticket(self, ticket: AttachTicket) -> None:
        self._tickets[ticket.token_hash] = ticket

    async def redeem_ticket(self, token_hash: bytes, now: datetime) -> AttachTicket:
        ticket = self._tickets.pop(token_hash, None)
        if ticket is None or ticket.expires_at <= now:
            raise TicketNotFound
        return ticket

    def _active(self, since: datetime) -> list[Run]:
        return [each for each in self._rows.values() if each.finished_at is None and each.requested_at >= since]

    async def find_active(self, application: str, job: str) -> Run | None:
        for each in self._rows.values():
            if each.finished_at is None and each.job == job and (await self._applications.get_any(each.application_id)).name == application:
                return deepcopy(each)
        return None

    async def delete_before(self, requested_before: datetime) -> None:
        self._rows = {key: each for key, each in self._rows.items() if each.requested_at >= requested_before}
