"""List the snapshots of a volume, the newest first."""

from uuid import UUID

from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.volume_rejections import VolumeNotFound
from functions.deploy.domain.volume_views import VolumeSnapshotView
from functions.deploy.ports import Applications, Volumes, VolumeSnapshots
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Page, Permission, Permit, query


class ListVolumeSnapshots(Model):
    application_id: UUID
    volume_id: UUID


@query(
    http="GET /v1/apps/{application_id}/volumes/{volume_id}/snapshots",
    permission=Permission.APP_READ,
    rejects=[ApplicationNotFound, VolumeNotFound],
)
async def volume_snapshots(
    request: ListVolumeSnapshots,
    applications: Applications,
    volumes: Volumes,
    snapshots: VolumeSnapshots,
    control: AccessControl,
    permit: Permit,
) -> Page[VolumeSnapshotView]:
    application = await applications.get(await control.to_application(permit, request.application_id))
    found = await volumes.get(application.id, request.volume_id)
    return Page(items=[VolumeSnapshotView.of(each) for each in await snapshots.list_of(found.id)])
