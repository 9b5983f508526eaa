"""Show when a data service is backed up, and how long."""

from uuid import UUID

from functions.deploy.domain.data_service_rejections import DataServiceNotFound
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.service_backup import BackupPolicy, require_backups
from functions.deploy.domain.service_backup_rejections import NoBackups
from functions.deploy.domain.service_backup_views import BackupPolicyView, ServiceRestoreView
from functions.deploy.domain.service_plans import ServiceAddresses
from functions.deploy.ports import Applications, DataServices, ServiceBackups
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Clock, Model, Permission, Permit, query


class ShowBackupPolicy(Model):
    application_id: UUID
    service_id: UUID


class ServiceBackupPolicyView(BackupPolicyView):
    restores: list[ServiceRestoreView]
    """Into this service, newest first."""


@query(
    http="GET /v1/apps/{application_id}/services/{service_id}/backup-policy",
    permission=Permission.APP_READ,
    rejects=[ApplicationNotFound, DataServiceNotFound, NoBackups],
)
async def backup_policy(
    request: ShowBackupPolicy,
    applications: Applications,
    services: DataServices,
    backups: ServiceBackups,
    addresses: ServiceAddresses,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> ServiceBackupPolicyView:
    application = await applications.get(await control.to_application(permit, request.application_id))
    service = await services.get(application.id, request.service_id)
    require_backups(service, addresses)
    policy = await backups.find_policy(service.id) or BackupPolicy.default(service, clock.now())
    restores = [ServiceRestoreView.of(each) for each in await backups.list_restores(service.id)]
    return ServiceBackupPolicyView(**dict(BackupPolicyView.of(policy)), restores=restores)
