"""Closes the account of a deleted user or team: no quota, and no applications."""

from datetime import datetime, timedelta
from uuid import UUID

from events.deploy import AccountReviewRequested
from functions.deploy.domain.application import Application
from functions.deploy.ports import Applications, Quotas
from functions.deploy.services.application_deletion import ApplicationDeletion
from functions.kernel import Clock, Events, OutgoingMessage

TRANSFER_NOTICE = timedelta(hours=1)
"""How long auth may not know of a transfer, and so delete a team that has just received an application."""


class AccountClosing:
    def __init__(self, applications: Applications, quotas: Quotas, deletion: ApplicationDeletion, clock: Clock) -> None:
        self._applications = applications
        self._quotas = quotas
        self._deletion = deletion
        self._clock = clock

    async def close(self, team_id: UUID, at: datetime) -> list[OutgoingMessage]:
        """Returns the events of applications that were deleted or given back. Idempotent.

        An application that was transferred to the account just before `at` goes back to its former owner: whoever deleted the account may
        not have known of it. Locks the applications, then the quotas, as every command does.
        """
        await self._applications.lock_all(team_id)
        await self._quotas.close(team_id, at)
        events: list[OutgoingMessage] = []
        for application in await self._applications.lock_all(team_id):  # again: with the quota closed, no more can move in
            events += await self._give_back(application, at) or await self._deletion.delete(application, self._clock.now())
        return events

    async def _give_back(self, application: Application, closed_at: datetime) -> Events:
        """Returns no events if the application stays. The former owner's quota may be exceeded: its account is reviewed."""
        closed, former = application.user_id, application.transferred_from
        if former is None or application.transferred_at is None or application.transferred_at < closed_at - TRANSFER_NOTICE:
            return ()
        quota, _ = await self._quotas.lock_both(former, closed)
        if quota is None or quota.applications == 0:  # closed too
            return ()
        events = application.transfer(former, self._clock.now())
        await self._applications.transfer(application, closed)
        return (*events, AccountReviewRequested(user_id=former))
