"""Delete an application: at the request of its owner, or with the owner's account."""

from dataclasses import dataclass
from datetime import datetime

from functions.deploy.domain.application import Application
from functions.deploy.domain.observation import APPLICATION_DELETED
from functions.deploy.ports import Applications, DataServices, Deployments, Domains, Quotas, RepositoryAccesses, Volumes
from functions.kernel import OutgoingMessage


@dataclass(frozen=True, slots=True)
class ApplicationDeletion:
    applications: Applications
    deployments: Deployments
    accesses: RepositoryAccesses
    quotas: Quotas
    services: DataServices
    domains: Domains
    volumes: Volumes

    async def delete(self, application: Application, now: datetime) -> list[OutgoingMessage]:
        """Start the deletion of a locked application. Returns the events.

        Ends its deployments, deletes its credentials and frees its quota. The data of its services are kept for their grace period;
        its volumes are in its namespace, and go with it.
        """
        events: list[OutgoingMessage] = []
        for deployment in await self.deployments.lock_running(application.id):
            events.extend(deployment.fail(APPLICATION_DELETED, "The application was deleted during this deployment.", now))
            await self.deployments.save(deployment)

        for service in await self.services.list_of(application.id):
            events.extend(service.delete(application.user_id, now))
            await self.services.save(service)
        for domain in await self.domains.list_of(application.id):
            events.extend(domain.remove(application, now))
            await self.domains.delete(domain.id)
        for volume in await self.volumes.list_of(application.id):
            events.extend(volume.delete_with_application(application.user_id, now))
            await self.volumes.save(volume)
        events.extend(application.delete(now))
        await self.applications.save(application)
        await self.accesses.delete(application.id)
        await self.quotas.release_application(application.user_id)
        await self.quotas.release_memory(application.id)
        return events
