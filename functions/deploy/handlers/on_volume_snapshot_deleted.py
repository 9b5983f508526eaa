"""Delete the files of a snapshot."""

from events.volumes import VolumeSnapshotDeleted
from functions.deploy.ports import Applications, VolumeSnapshots, VolumeStorage
from functions.kernel import Order, Retry, Work, effect


@effect(order=Order.ANY, retry=Retry(attempts=12))
async def on_volume_snapshot_deleted(
    event: VolumeSnapshotDeleted, applications: Applications, snapshots: VolumeSnapshots, storage: VolumeStorage, work: Work
) -> None:
    async with work.reading():
        application = await applications.get_any(event.application_id)
        snapshot = await snapshots.find(event.snapshot_id)
    if snapshot is None:
        return
    await storage.delete_snapshot(application.namespace, snapshot.object_name)
    async with work.recording():
        await snapshots.delete(snapshot.id)
