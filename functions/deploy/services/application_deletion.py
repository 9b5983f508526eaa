"""Delete an application: at the request of its owner, or with the owner's account."""

from dataclasses import dataclass
from datetime import datetime

from functions.deploy.domain.application import Application
from functions.deploy.domain.observation import APPLICATION_DELETED
from functions.deploy.ports import Applications, Deployments, Quotas, RepositoryAccesses
from functions.kernel import OutgoingMessage


@dataclass(frozen=True, slots=True)
class ApplicationDeletion:
    applications: Applications
    deployments: Deployments
    accesses: RepositoryAccesses
    quotas: Quotas

    async def delete(self, application: Application, now: datetime) -> list[OutgoingMessage]:
        """Start the deletion of a locked application: end its deployments, delete its credentials, free its quota. Returns the events."""
        events: list[OutgoingMessage] = []
        for deployment in await self.deployments.lock_running(application.id):
            events.extend(deployment.fail(APPLICATION_DELETED, "The application was deleted during this deployment.", now))
            await self.deployments.save(deployment)

        events.extend(application.delete(now))
        await self.applications.save(application)
        await self.accesses.delete(application.id)
        await self.quotas.release_application(application.user_id)
        await self.quotas.release_memory(application.id)
        return events
