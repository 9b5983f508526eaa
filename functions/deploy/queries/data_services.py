"""List the data services of an application."""

from uuid import UUID

from functions.deploy.domain.data_service_views import DataServiceView
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, Configurations, DataServices
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Page, Permission, Permit, query


class ListDataServices(Model):
    application_id: UUID


@query(http="GET /v1/apps/{application_id}/services", permission=Permission.APP_READ, rejects=[ApplicationNotFound])
async def data_services(
    request: ListDataServices,
    applications: Applications,
    services: DataServices,
    configurations: Configurations,
    control: AccessControl,
    permit: Permit,
) -> Page[DataServiceView]:
    application = await applications.get(await control.to_application(permit, request.application_id))
    entries = await configurations.at(application.id, application.config_version)
    return Page(items=[DataServiceView.of(each, entries) for each in await services.list_of(application.id)])
