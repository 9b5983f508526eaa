"""Take a snapshot of a volume."""

from events.volumes import VolumeSnapshotCreated, VolumeSnapshotRequested
from functions.deploy.domain.operation import OperationKind
from functions.deploy.domain.volume_manifests import StoragePolicy, volume_snapshot
from functions.deploy.domain.volume_snapshot import SnapshotState
from functions.deploy.ports import Applications, ClusterRefused, Volumes, VolumeSnapshots, VolumeStorage
from functions.deploy.services.operation_recorder import OperationRecorder
from functions.kernel import Clock, Order, Retry, Work, effect


@effect(order=Order.ANY, emits=[VolumeSnapshotCreated], retry=Retry(attempts=6))
async def on_volume_snapshot_requested(
    event: VolumeSnapshotRequested,
    applications: Applications,
    volumes: Volumes,
    snapshots: VolumeSnapshots,
    storage: VolumeStorage,
    policy: StoragePolicy,
    recorder: OperationRecorder,
    clock: Clock,
    work: Work,
) -> None:
    async with recorder.attempt(OperationKind.VOLUME_SNAPSHOT, event.application_id, None, event.at, work):
        async with work.reading():
            application = await applications.get_any(event.application_id)
            volume, snapshot = await volumes.find(event.volume_id), await snapshots.find(event.snapshot_id)
        if volume is None or snapshot is None or volume.is_deleted or snapshot.state is SnapshotState.DELETING:
            return
        try:
            if failure := await storage.take(volume_snapshot(snapshot, volume, application, policy)):
                raise ClusterRefused(failure)
        except Exception as error:
            if work.is_final(error):
                async with work.preparing():
                    await applications.lock_any(event.application_id)
                    if (stored := await snapshots.find(snapshot.id)) is not None:
                        stored.fail(str(error))
                        await snapshots.save(stored)
            raise

        async with work.recording() as record:
            application = await applications.lock_any(event.application_id)
            stored = await snapshots.find(snapshot.id)
            if stored is not None:
                record.emit(*stored.complete(volume, application.user_id, clock.now()))
                await snapshots.save(stored)
            await recorder.succeed(OperationKind.VOLUME_SNAPSHOT, event.application_id, None, event.at)
