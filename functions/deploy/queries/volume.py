"""Show a volume with what it holds now."""

from uuid import UUID

from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.volume import VolumeState
from functions.deploy.domain.volume_rejections import VolumeNotFound
from functions.deploy.domain.volume_views import VolumeView
from functions.deploy.ports import Applications, Volumes, VolumeStorage
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Clock, Model, Permission, Permit, Work, query


class ShowVolume(Model):
    application_id: UUID
    volume_id: UUID


@query(http="GET /v1/apps/{application_id}/volumes/{volume_id}", permission=Permission.APP_READ, rejects=[ApplicationNotFound, VolumeNotFound])
async def volume(
    request: ShowVolume,
    applications: Applications,
    volumes: Volumes,
    storage: VolumeStorage,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
    work: Work,
) -> VolumeView:
    async with work.reading():
        application = await applications.get(await control.to_application(permit, request.application_id))
        found = await volumes.get(application.id, request.volume_id)
    if found.state is VolumeState.READY:
        reading = await storage.read(application.namespace, found.claim)
        if reading is not None and reading.used_bytes is not None:
            found.used_bytes, found.measured_at = reading.used_bytes, clock.now()
    return VolumeView.of(found)
