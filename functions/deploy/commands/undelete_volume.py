"""Undo the deletion of a volume within its grace period.

Attach it again afterwards: a deletion needs it to be attached to no environment.
"""

from uuid import UUID

from events.volumes import VolumeRestored
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.volume_rejections import VolumeNotDeleted, VolumeNotFound
from functions.deploy.domain.volume_views import VolumeView
from functions.deploy.ports import Applications, Volumes
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, command


class UndeleteVolume(Model):
    application_id: UUID
    volume_id: UUID


@command(
    http="POST /v1/apps/{application_id}/volumes/{volume_id}/undelete",
    permission=Permission.APP_CONFIGURE,
    rejects=[ApplicationNotFound, VolumeNotFound, VolumeNotDeleted],
    emits=[VolumeRestored],
)
async def undelete_volume(
    request: UndeleteVolume, applications: Applications, volumes: Volumes, control: AccessControl, permit: Permit, clock: Clock
) -> Done[VolumeView]:
    application = await applications.lock(await control.to_application(permit, request.application_id))
    volume = await volumes.lock(application.id, request.volume_id)
    events = volume.undelete(application.user_id, clock.now())
    await volumes.save(volume)

    return Done(VolumeView.of(volume), *events, change=Change(after={"volume": volume.name}))
