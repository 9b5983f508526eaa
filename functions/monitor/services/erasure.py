"""Erase the webhooks of a team or user, and what is stored about the applications, one application in each transaction."""

from dataclasses import dataclass
from uuid import UUID

from functions.kernel import Work
from functions.monitor.ports import Applications, Erasures, WebhookStore


@dataclass(frozen=True, slots=True)
class Erasure:
    applications: Applications
    erasures: Erasures
    webhooks: WebhookStore

    async def erase(self, user_id: UUID, work: Work) -> None:
        async with work.preparing():
            await self.webhooks.delete_of_team(user_id)
        async with work.reading():
            applications = await self.applications.of_teams([user_id])
        for application in applications:
            async with work.preparing():
                await self.erasures.erase(application.id)
