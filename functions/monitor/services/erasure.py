"""Erase what is stored about the applications of a user, one application in each transaction."""

from dataclasses import dataclass
from uuid import UUID

from functions.kernel import Work
from functions.monitor.ports import Applications, Erasures


@dataclass(frozen=True, slots=True)
class Erasure:
    applications: Applications
    erasures: Erasures

    async def erase(self, user_id: UUID, work: Work) -> None:
        async with work.reading():
            applications = await self.applications.of_teams([user_id])
        for application in applications:
            async with work.preparing():
                await self.erasures.erase(application.id)
