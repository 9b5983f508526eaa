"""Show a data service with what it uses now."""

from uuid import UUID

from functions.deploy.domain.data_service import ServiceState
from functions.deploy.domain.data_service_rejections import DataServiceNotFound
from functions.deploy.domain.data_service_views import DataServiceView
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Configurations, DataServices, ServiceProvisioners
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Permission, Permit, Work, query


class ShowDataService(Model):
    application_id: UUID
    service_id: UUID


class UsedDataServiceView(DataServiceView):
    storage_used_mib: int | None
    """Null for a service without a database."""
    connections: int | None
    """Open now."""


@query(http="GET /v1/apps/{application_id}/services/{service_id}", permission=Permission.APP_READ, rejects=[ApplicationNotFound, DataServiceNotFound])
async def data_service(
    request: ShowDataService,
    applications: Applications,
    services: DataServices,
    configurations: Configurations,
    provisioners: ServiceProvisioners,
    control: AccessControl,
    permit: Permit,
    work: Work,
) -> UsedDataServiceView:
    async with work.reading():
        application = await applications.get(await control.to_application(permit, request.application_id))
        service = await services.get(application.id, request.service_id)
        entries = await configurations.at(application.id, application.config_version)
    has_database = service.is_provisioned and service.state in (ServiceState.READY, ServiceState.DELETED)
    usage = await provisioners.of(service).usage(service.database) if has_database else None
    return UsedDataServiceView(
        **dict(DataServiceView.of(service, entries)),
        storage_used_mib=usage.size_bytes // 2**20 if usage else None,
        connections=usage.connections if usage else None,
    )
