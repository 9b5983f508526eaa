"""Create a snapshot of a volume.

Its files at one moment, on the same storage. Returns 202: follow the operation. Writers wait while it is made.
"""

from uuid import UUID

from events.volumes import VolumeSnapshotRequested
from functions.deploy.domain.operation import Operation, OperationKind
from functions.deploy.domain.rejections import ApplicationNotFound, OverQuota, SubscriptionSuspended, UsageExhausted
from functions.deploy.domain.storage_amounts import StorageAmounts
from functions.deploy.domain.storage_rejections import BackupQuotaExceeded
from functions.deploy.domain.volume_rejections import TooManySnapshots, VolumeNotFound, VolumeNotReady
from functions.deploy.domain.volume_snapshot import MAX_SNAPSHOTS, VolumeSnapshot
from functions.deploy.domain.volume_views import VolumeSnapshotAccepted
from functions.deploy.ports import Applications, Operations, Volumes, VolumeSnapshots
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.storage_admission import StorageAdmission
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, command


class CreateVolumeSnapshot(Model):
    application_id: UUID
    volume_id: UUID


@command(
    http="POST /v1/apps/{application_id}/volumes/{volume_id}/snapshots",
    permission=Permission.APP_CONFIGURE,
    status=202,
    rejects=[
        ApplicationNotFound,
        VolumeNotFound,
        VolumeNotReady,
        TooManySnapshots,
        BackupQuotaExceeded,
        OverQuota,
        SubscriptionSuspended,
        UsageExhausted,
    ],
    emits=[VolumeSnapshotRequested],
)
async def create_volume_snapshot(
    request: CreateVolumeSnapshot,
    applications: Applications,
    volumes: Volumes,
    snapshots: VolumeSnapshots,
    admission: StorageAdmission,
    operations: Operations,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[VolumeSnapshotAccepted]:
    checked = await control.to_application(permit, request.application_id)
    application = await applications.lock(checked)
    await admission.admit(application.user_id, StorageAmounts(backups=1))
    volume = await volumes.lock(application.id, request.volume_id)
    if volume.environment is not None:
        checked.require_in(volume.environment)
    if len(await snapshots.list_of(volume.id)) >= MAX_SNAPSHOTS:
        raise TooManySnapshots.of(volume.name, MAX_SNAPSHOTS)
    now = clock.now()
    snapshot, events = VolumeSnapshot.request(volume, now)
    await snapshots.save(snapshot)
    operation = Operation.start(OperationKind.VOLUME_SNAPSHOT, application, None, now)
    await operations.add(operation)

    return Done(VolumeSnapshotAccepted.accepted(snapshot, operation.id), *events, change=Change(after={"volume": volume.name}))
