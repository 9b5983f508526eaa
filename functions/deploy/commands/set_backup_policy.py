"""Set when a data service is backed up, and how long."""

from uuid import UUID

from functions.deploy.domain.data_service_rejections import DataServiceNotFound
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.service_backup import DEFAULT_KEEP_COUNT, DEFAULT_KEEP_DAYS, BackupPolicy, require_backups
from functions.deploy.domain.service_backup_rejections import InvalidBackupPolicy, NoBackups
from functions.deploy.domain.service_backup_views import BackupPolicyView
from functions.deploy.domain.service_plans import ServiceAddresses
from functions.deploy.ports import Applications, DataServices, ServiceBackups
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Int32, Model, Permission, Permit, Text, command


class SetBackupPolicy(Model):
    application_id: UUID
    service_id: UUID
    schedule: Text | None
    """Five fields of cron, in UTC, with at most one tick in an hour; null: no backups by schedule."""
    keep_count: Int32 = DEFAULT_KEEP_COUNT
    """Older ones are deleted after a new one is complete. The newest is always kept."""
    keep_days: Int32 = DEFAULT_KEEP_DAYS


@command(
    http="PUT /v1/apps/{application_id}/services/{service_id}/backup-policy",
    permission=Permission.APP_CONFIGURE,
    rejects=[ApplicationNotFound, DataServiceNotFound, NoBackups, InvalidBackupPolicy],
)
async def set_backup_policy(
    request: SetBackupPolicy,
    applications: Applications,
    services: DataServices,
    backups: ServiceBackups,
    addresses: ServiceAddresses,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[BackupPolicyView]:
    application = await applications.lock(await control.to_application(permit, request.application_id))
    service = await services.lock(application.id, request.service_id)
    require_backups(service, addresses)

    policy = BackupPolicy.parse(service, request.schedule, request.keep_count, request.keep_days, clock.now())
    await backups.save_policy(policy)

    return Done(BackupPolicyView.of(policy), change=Change(after={"service": service.name, "schedule": policy.schedule}))
