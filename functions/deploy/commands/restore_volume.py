"""Restore a volume, or a new one, from a snapshot.

In place, what has the volume is restarted with the files of the snapshot; what was written since is gone. `into`: the name of a
new volume, which has them beside the present one. Returns 202: follow the operation.
"""

from uuid import UUID

from events.volumes import VolumeRefreshRequested
from functions.deploy.domain.operation import Operation, OperationKind
from functions.deploy.domain.rejections import ApplicationNotFound, OverQuota, SubscriptionSuspended, UsageExhausted
from functions.deploy.domain.storage_amounts import StorageAmounts
from functions.deploy.domain.storage_rejections import VolumeQuotaExceeded
from functions.deploy.domain.volume import MAX_VOLUMES, Volume
from functions.deploy.domain.volume_rejections import (
    InvalidVolume,
    SnapshotNotFound,
    TooManyVolumes,
    VolumeNameTaken,
    VolumeNotFound,
    VolumeNotReady,
)
from functions.deploy.domain.volume_views import VolumeAccepted
from functions.deploy.ports import Applications, Operations, Volumes, VolumeSnapshots
from functions.deploy.services.access_control import AccessControl
from functions.deploy.services.storage_admission import StorageAdmission
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, Text, command


class RestoreVolume(Model):
    application_id: UUID
    volume_id: UUID
    snapshot_id: UUID
    into: Text | None = None


@command(
    http="POST /v1/apps/{application_id}/volumes/{volume_id}/restore",
    permission=Permission.APP_CONFIGURE,
    status=202,
    rejects=[
        *(ApplicationNotFound, VolumeNotFound, SnapshotNotFound, VolumeNotReady, InvalidVolume, VolumeNameTaken, TooManyVolumes),
        *(VolumeQuotaExceeded, OverQuota, SubscriptionSuspended, UsageExhausted),
    ],
    emits=[VolumeRefreshRequested],
)
async def restore_volume(
    request: RestoreVolume,
    applications: Applications,
    volumes: Volumes,
    snapshots: VolumeSnapshots,
    admission: StorageAdmission,
    operations: Operations,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[VolumeAccepted]:
    checked = await control.to_application(permit, request.application_id)
    application = await applications.lock(checked)
    volume = await volumes.lock(application.id, request.volume_id)
    if volume.environment is not None:  # files of a protected environment are neither replaced nor read elsewhere without a grant
        checked.require_in(volume.environment)
    snapshot = await snapshots.get(volume, request.snapshot_id)
    snapshot.require_ready()
    now = clock.now()
    if request.into is None:
        kind, events = OperationKind.VOLUME_RESTORE, volume.restore(snapshot.id, now)
        await volumes.save(volume)
    else:
        if len(await volumes.list_of(application.id)) >= MAX_VOLUMES:
            raise TooManyVolumes.of(application.name, MAX_VOLUMES)
        kind = OperationKind.VOLUME_CREATION
        volume, events = Volume.request(application, request.into, snapshot.size_mib, now, snapshot.id)
        await admission.admit(application.user_id, StorageAmounts(volumes=1, volumes_mib=volume.size_mib))
        await volumes.add(volume)
    operation = Operation.start(kind, application, None, now)
    await operations.add(operation)

    change = Change(after={"volume": volume.name, "snapshot": str(snapshot.id)})
    return Done(VolumeAccepted.accepted(volume, operation.id), *events, change=change)
