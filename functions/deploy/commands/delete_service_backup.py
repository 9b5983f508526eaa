"""Delete a backup of a data service. Irreversible.

Idempotent.
"""

from uuid import UUID

from events.backups import BackupPurgeRequested
from functions.deploy.domain.data_service_rejections import DataServiceNotFound
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.service_backup import BackupState
from functions.deploy.domain.service_backup_rejections import BackupInProgress, BackupNotFound
from functions.deploy.domain.service_backup_views import ServiceBackupView
from functions.deploy.ports import Applications, DataServices, ServiceBackups
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Change, Done, Model, Permission, Permit, command


class DeleteServiceBackup(Model):
    application_id: UUID
    service_id: UUID
    backup_id: UUID


@command(
    http="DELETE /v1/apps/{application_id}/services/{service_id}/backups/{backup_id}",
    permission=Permission.APP_CONFIGURE,
    rejects=[ApplicationNotFound, DataServiceNotFound, BackupNotFound, BackupInProgress],
    emits=[BackupPurgeRequested],
)
async def delete_service_backup(
    request: DeleteServiceBackup,
    applications: Applications,
    services: DataServices,
    backups: ServiceBackups,
    control: AccessControl,
    permit: Permit,
) -> Done[ServiceBackupView]:
    application = await applications.lock(await control.to_application(permit, request.application_id))
    service = await services.lock(application.id, request.service_id)
    backup = await backups.get(service.id, request.backup_id)
    if backup.state is BackupState.RUNNING:
        raise BackupInProgress.of(service.name)

    events = backup.delete()
    await backups.save(backup)

    return Done(ServiceBackupView.of(backup), *events, change=Change(before={"service": service.name, "backup": str(backup.id)}))
