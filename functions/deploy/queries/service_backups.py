"""List the backups of a data service, newest first."""

from uuid import UUID

from functions.deploy.domain.data_service_rejections import DataServiceNotFound
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.service_backup_views import ServiceBackupView
from functions.deploy.ports import Applications, DataServices, ServiceBackups
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Page, Permission, Permit, query


class ListServiceBackups(Model):
    application_id: UUID
    service_id: UUID


@query(
    http="GET /v1/apps/{application_id}/services/{service_id}/backups",
    permission=Permission.APP_READ,
    rejects=[ApplicationNotFound, DataServiceNotFound],
)
async def service_backups(
    request: ListServiceBackups, applications: Applications, services: DataServices, backups: ServiceBackups, control: AccessControl, permit: Permit
) -> Page[ServiceBackupView]:
    application = await applications.get(await control.to_application(permit, request.application_id))
    service = await services.get(application.id, request.service_id)
    return Page(items=[ServiceBackupView.of(each) for each in await backups.list_of(service.id)])
