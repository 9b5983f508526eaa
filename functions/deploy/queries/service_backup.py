"""Show a backup of a data service."""

from uuid import UUID

from functions.deploy.domain.data_service_rejections import DataServiceNotFound
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.service_backup_rejections import BackupNotFound
from functions.deploy.domain.service_backup_views import ServiceBackupView
from functions.deploy.ports import Applications, DataServices, ServiceBackups
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Permission, Permit, query


class ShowServiceBackup(Model):
    application_id: UUID
    service_id: UUID
    backup_id: UUID


@query(
    http="GET /v1/apps/{application_id}/services/{service_id}/backups/{backup_id}",
    permission=Permission.APP_READ,
    rejects=[ApplicationNotFound, DataServiceNotFound, BackupNotFound],
)
async def service_backup(
    request: ShowServiceBackup, applications: Applications, services: DataServices, backups: ServiceBackups, control: AccessControl, permit: Permit
) -> ServiceBackupView:
    application = await applications.get(await control.to_application(permit, request.application_id))
    service = await services.get(application.id, request.service_id)
    return ServiceBackupView.of(await backups.get(service.id, request.backup_id))
