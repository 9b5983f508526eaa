"""Measure a volume, and publish when it is nearly full."""

from events.volumes import VolumeFilled, VolumeMeasurementRequested, VolumeResized
from functions.deploy.domain.volume import VolumeState
from functions.deploy.ports import Applications, Volumes, VolumeStorage
from functions.kernel import Clock, Order, Retry, Work, effect


@effect(order=Order.ANY, emits=[VolumeFilled, VolumeResized], retry=Retry(attempts=2))
async def on_volume_measurement_requested(
    event: VolumeMeasurementRequested, applications: Applications, volumes: Volumes, storage: VolumeStorage, clock: Clock, work: Work
) -> None:
    async with work.reading():
        application = await applications.get_any(event.application_id)
        volume = await volumes.find(event.volume_id)
    if volume is None or volume.state is not VolumeState.READY:
        return
    reading = await storage.read(application.namespace, volume.claim)
    if reading is None or not (volume.has_grown(reading.capacity_bytes) or reading.used_bytes not in (None, volume.used_bytes)):
        return

    async with work.recording() as record:
        application = await applications.lock_any(event.application_id)
        stored = await volumes.lock_any(volume.id)
        assert stored is not None, "rows of volumes are kept"
        if stored.has_grown(reading.capacity_bytes):
            record.emit(*stored.complete_resize(application.user_id, clock.now()))
        if reading.used_bytes is not None:
            record.emit(*stored.measure(reading.used_bytes, reading.capacity_bytes, application.user_id, clock.now()))
        await volumes.save(stored)
