"""Store a backup of a data service.

Returns 202. The backup is encrypted and stored outside of the server, then restored into a copy to verify it.
"""

from uuid import UUID

from events.backups import BackupRequested
from functions.deploy.domain.data_service_rejections import DataServiceNotFound, DataServiceNotReady
from functions.deploy.domain.rejections import ApplicationNotFound, SubscriptionSuspended
from functions.deploy.domain.service_backup import BackupTrigger
from functions.deploy.domain.service_backup_rejections import BackupInProgress, NoBackups, TooManyBackups
from functions.deploy.domain.service_backup_views import ServiceBackupView
from functions.deploy.domain.storage_amounts import StorageAmounts
from functions.deploy.domain.storage_rejections import BackupQuotaExceeded
from functions.deploy.ports import Applications, DataServices
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.backup_recorder import BackupRecorder
from functions.deploy.services.storage_admission import StorageAdmission
from functions.kernel import Change, Done, Model, Permission, Permit, command


class CreateServiceBackup(Model):
    application_id: UUID
    service_id: UUID


@command(
    http="POST /v1/apps/{application_id}/services/{service_id}/backups",
    permission=Permission.APP_CONFIGURE,
    status=202,
    without_operation="the backup has its own state: GET …/backups/{backup_id}",
    rejects=[
        *(ApplicationNotFound, DataServiceNotFound, DataServiceNotReady, NoBackups, BackupInProgress, TooManyBackups),
        *(BackupQuotaExceeded, SubscriptionSuspended),
    ],
    emits=[BackupRequested],
)
async def create_service_backup(
    request: CreateServiceBackup,
    applications: Applications,
    services: DataServices,
    admission: StorageAdmission,
    recorder: BackupRecorder,
    control: AccessControl,
    permit: Permit,
) -> Done[ServiceBackupView]:
    application = await applications.lock(await control.to_application(permit, request.application_id))
    service = await services.lock(application.id, request.service_id)
    await admission.admit(application.user_id, StorageAmounts(backups=1), is_growth=False)

    backup, events = await recorder.start(service, application.user_id, BackupTrigger.MANUAL)

    return Done(ServiceBackupView.of(backup), *events, change=Change(after={"service": service.name, "backup": str(backup.id)}))
