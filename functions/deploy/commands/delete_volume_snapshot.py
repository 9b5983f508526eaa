"""Delete a snapshot of a volume.

Volumes that were restored from it stay as they are.
"""

from uuid import UUID

from events.volumes import VolumeSnapshotDeleted
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.volume_rejections import SnapshotNotFound, VolumeNotFound, VolumeNotReady
from functions.deploy.domain.volume_views import VolumeSnapshotView
from functions.deploy.ports import Applications, Volumes, VolumeSnapshots
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, command


class DeleteVolumeSnapshot(Model):
    application_id: UUID
    volume_id: UUID
    snapshot_id: UUID


@command(
    http="DELETE /v1/apps/{application_id}/volumes/{volume_id}/snapshots/{snapshot_id}",
    permission=Permission.APP_CONFIGURE,
    rejects=[ApplicationNotFound, VolumeNotFound, VolumeNotReady, SnapshotNotFound],
    emits=[VolumeSnapshotDeleted],
)
async def delete_volume_snapshot(
    request: DeleteVolumeSnapshot,
    applications: Applications,
    volumes: Volumes,
    snapshots: VolumeSnapshots,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[VolumeSnapshotView]:
    checked = await control.to_application(permit, request.application_id)
    application = await applications.lock(checked)
    volume = await volumes.lock(application.id, request.volume_id)
    if volume.environment is not None:
        checked.require_in(volume.environment)
    snapshot = await snapshots.get(volume, request.snapshot_id)
    if volume.restoring_snapshot_id == snapshot.id:
        volume.require_no_restore()
    events = snapshot.delete(clock.now())
    await snapshots.save(snapshot)

    return Done(VolumeSnapshotView.of(snapshot), *events, change=Change(before={"volume": volume.name, "snapshot": str(snapshot.id)}))
