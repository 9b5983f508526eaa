"""Show the last log lines of a data service's server.

A database on the shared server has none: lines of others are not shown.
"""

from uuid import UUID

from functions.deploy.domain.data_service_rejections import DataServiceNotFound, DataServiceNotReady
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, DataServices, ServiceProvisioners
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Permission, Permit, Work, query


class ShowDataServiceLogs(Model):
    application_id: UUID
    service_id: UUID


class DataServiceLogsView(Model):
    lines: list[str]
    """The newest last, at most 32 KiB."""


@query(
    http="GET /v1/apps/{application_id}/services/{service_id}/logs",
    permission=Permission.APP_READ,
    rejects=[ApplicationNotFound, DataServiceNotFound, DataServiceNotReady],
)
async def data_service_logs(
    request: ShowDataServiceLogs,
    applications: Applications,
    services: DataServices,
    provisioners: ServiceProvisioners,
    control: AccessControl,
    permit: Permit,
    work: Work,
) -> DataServiceLogsView:
    async with work.reading():
        application = await applications.get(await control.to_application(permit, request.application_id))
        service = await services.get(application.id, request.service_id)
    service.require_provisioned()
    return DataServiceLogsView(lines=await provisioners.of(service).log(service.database))
