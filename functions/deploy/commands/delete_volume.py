"""Delete a volume that is attached to no environment.

Its files are kept for 7 days, in which it can be restored. Idempotent.
"""

from uuid import UUID

from events.volumes import VolumeDeleted, VolumePurgeRequested
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.volume_rejections import VolumeIsAttached, VolumeNotFound
from functions.deploy.domain.volume_views import VolumeView
from functions.deploy.ports import Applications, Volumes
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, command


class DeleteVolume(Model):
    application_id: UUID
    volume_id: UUID


@command(
    http="DELETE /v1/apps/{application_id}/volumes/{volume_id}",
    permission=Permission.APP_CONFIGURE,
    rejects=[ApplicationNotFound, VolumeNotFound, VolumeIsAttached],
    emits=[VolumeDeleted, VolumePurgeRequested],
)
async def delete_volume(
    request: DeleteVolume, applications: Applications, volumes: Volumes, control: AccessControl, permit: Permit, clock: Clock
) -> Done[VolumeView]:
    application = await applications.lock(await control.to_application(permit, request.application_id))
    volume = await volumes.lock(application.id, request.volume_id)
    events = volume.delete(application.user_id, clock.now())
    await volumes.save(volume)

    return Done(VolumeView.of(volume), *events, change=Change(before={"volume": volume.name}))
