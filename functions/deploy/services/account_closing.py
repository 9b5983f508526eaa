"""Closes the account of a deleted user or team: no quota, and no applications."""

from datetime import datetime
from uuid import UUID

from functions.deploy.ports import Applications, Quotas
from functions.deploy.services.application_deletion import ApplicationDeletion
from functions.kernel import Clock, OutgoingMessage

PAGE_SIZE = 100


class AccountClosing:
    def __init__(self, applications: Applications, quotas: Quotas, deletion: ApplicationDeletion, clock: Clock) -> None:
        self._applications = applications
        self._quotas = quotas
        self._deletion = deletion
        self._clock = clock

    async def close(self, team_id: UUID, at: datetime) -> list[OutgoingMessage]:
        """Returns the events of deleted applications. Idempotent."""
        await self._quotas.close(team_id, at)
        events: list[OutgoingMessage] = []
        while page := await self._applications.page([team_id], before=None, limit=PAGE_SIZE):
            for application in page:
                events += await self._deletion.delete(await self._applications.lock_any(application.id), self._clock.now())
        return events
