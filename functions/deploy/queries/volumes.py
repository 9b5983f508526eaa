"""List the volumes of an application."""

from uuid import UUID

from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.volume_views import VolumeView
from functions.deploy.ports import Applications, Volumes
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Page, Permission, Permit, query


class ListVolumes(Model):
    application_id: UUID


@query(http="GET /v1/apps/{application_id}/volumes", permission=Permission.APP_READ, rejects=[ApplicationNotFound])
async def volumes(request: ListVolumes, applications: Applications, volumes: Volumes, control: AccessControl, permit: Permit) -> Page[VolumeView]:
    application = await applications.get(await control.to_application(permit, request.application_id))
    return Page(items=[VolumeView.of(each) for each in await volumes.list_of(application.id)])
