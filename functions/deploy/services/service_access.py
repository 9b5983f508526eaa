"""Checks who may connect to a data service: a connection reads and changes all that the application has stored there."""

from dataclasses import dataclass
from uuid import UUID

from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.data_service_views import bindings_of
from functions.deploy.ports import Applications, Configurations, DataServices
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Permit


@dataclass(frozen=True, slots=True)
class ServiceAccess:
    applications: Applications
    services: DataServices
    configurations: Configurations
    control: AccessControl

    async def to_service(self, permit: Permit, application_id: UUID, service_id: UUID) -> DataService:
        """The permission is needed in every environment to which the service is bound, and in the application if it is bound to none.

        Raises ApplicationNotFound, DataServiceNotFound, Forbidden.
        """
        checked = await self.control.to_some_environment(permit, application_id)
        application = await self.applications.get(checked)
        service = await self.services.get(application.id, service_id)
        bound = {each.scope for each in bindings_of(service, await self.configurations.at(application.id, application.config_version))}
        for each in sorted(bound):
            checked.require_in(each)
        if not bound:
            await self.control.to_application(permit, application_id)
        return service
