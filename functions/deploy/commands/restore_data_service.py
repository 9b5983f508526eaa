"""Restore a backup into its data service, or into a new one.

Returns 202. What the service has now is backed up first; then its data are replaced, all of them or none. Its URL stays. Open
connections end.
"""

from uuid import UUID

from events.backups import BackupRequested, DataServiceRestoreRequested
from events.data_services import DataServiceRequested
from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.data_service_rejections import (
    DataServiceNameTaken,
    DataServiceNotFound,
    DataServiceNotReady,
    InvalidDataService,
    TooManyDataServices,
)
from functions.deploy.domain.data_service_views import bindings_of
from functions.deploy.domain.rejections import ApplicationNotFound, OverQuota, SubscriptionSuspended, UsageExhausted
from functions.deploy.domain.service_backup import BackupState, BackupTrigger, ServiceRestore
from functions.deploy.domain.service_backup_rejections import BackupInProgress, BackupNotComplete, BackupNotFound, NoBackups, TooManyBackups
from functions.deploy.domain.service_backup_views import ServiceRestoreView
from functions.deploy.domain.storage_amounts import StorageAmounts
from functions.deploy.domain.storage_rejections import BackupQuotaExceeded, DataServiceQuotaExceeded
from functions.deploy.ports import Applications, Configurations, DataServices, ServiceBackups, Vault
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.backup_recorder import BackupRecorder
from functions.deploy.services.data_service_limits import require_room
from functions.deploy.services.storage_admission import StorageAdmission
from functions.kernel import Change, Clock, Done, Events, Model, Permission, Permit, Text, command


class RestoreDataService(Model):
    application_id: UUID
    service_id: UUID
    backup_id: UUID
    into: Text | None = None
    """The name of a new data service. Without it, the data of this one are replaced."""


@command(
    http="POST /v1/apps/{application_id}/services/{service_id}/restores",
    permission=Permission.APP_CONFIGURE,
    status=202,
    without_operation="the restore has its own state: GET …/backup-policy lists restores",
    rejects=[
        *(ApplicationNotFound, DataServiceNotFound, DataServiceNotReady, DataServiceNameTaken, InvalidDataService, TooManyDataServices),
        *(BackupNotFound, BackupNotComplete, BackupInProgress, NoBackups, TooManyBackups, OverQuota, SubscriptionSuspended, UsageExhausted),
        *(BackupQuotaExceeded, DataServiceQuotaExceeded),
    ],
    emits=[BackupRequested, DataServiceRequested, DataServiceRestoreRequested],
)
async def restore_data_service(
    request: RestoreDataService,
    applications: Applications,
    services: DataServices,
    configurations: Configurations,
    backups: ServiceBackups,
    admission: StorageAdmission,
    recorder: BackupRecorder,
    vault: Vault,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[ServiceRestoreView]:
    access = await control.to_application(permit, request.application_id)
    application = await applications.lock(access)
    service = await services.lock(application.id, request.service_id)
    for each in bindings_of(service, await configurations.at(application.id, application.config_version)):
        access.require_in(each.scope)  # data of a protected environment are neither replaced nor read elsewhere without a grant
    backup = await backups.get(service.id, request.backup_id)
    if backup.state is not BackupState.COMPLETE:
        raise BackupNotComplete.of(backup.state)
    if request.into is None:
        service.require_replaceable()
    more = StorageAmounts(backups=1) if request.into is None else StorageAmounts.of_service(service)
    await admission.admit(application.user_id, more, is_growth=request.into is not None)

    now, safety, target = clock.now(), None, service
    events: Events
    if request.into is None:
        safety, events = await recorder.start(service, application.user_id, BackupTrigger.SAFETY)
    else:
        await require_room(services, application, service.kind, service.plan)
        target, events = DataService.request(application, request.into, service.kind, service.plan, vault.seal, now)
        await services.add(target)
    restore = ServiceRestore.request(backup, target, safety, now)
    await backups.add_restore(restore)
    if safety is None:
        events = (*events, restore.request_event(application.user_id))

    return Done(ServiceRestoreView.of(restore), *events, change=Change(after={"service": target.name, "backup": str(backup.id)}))
