"""Delete a volume with its snapshots after its grace period."""

from events.volumes import VolumePurgeRequested
from functions.deploy.ports import Applications, Volumes, VolumeSnapshots, VolumeStorage
from functions.kernel import Clock, Order, Retry, Work, effect


@effect(order=Order.ANY, retry=Retry(attempts=12))
async def on_volume_purge_requested(
    event: VolumePurgeRequested,
    applications: Applications,
    volumes: Volumes,
    snapshots: VolumeSnapshots,
    storage: VolumeStorage,
    clock: Clock,
    work: Work,
) -> None:
    async with work.preparing():  # before the files go: no `undelete` succeeds from here on
        application = await applications.lock_any(event.application_id)
        volume = await volumes.lock_any(event.volume_id)
        if volume is None or not volume.begin_purge(clock.now()):
            return
        await volumes.save(volume)
        copies = await snapshots.list_of(volume.id)

    for each in copies:
        await storage.delete_snapshot(application.namespace, each.object_name)
    await storage.delete_claims(application.namespace, volume.id)

    async with work.recording():
        stored = await volumes.lock_any(volume.id)
        assert stored is not None, "rows of volumes are kept"
        stored.complete_purge()
        await volumes.save(stored)
        for each in copies:
            await snapshots.delete(each.id)
