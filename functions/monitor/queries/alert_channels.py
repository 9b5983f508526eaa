"""List the webhooks of an application."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Model, Page, Permission, Permit, Scale, query
from functions.monitor.domain.rejections import ApplicationNotFound
from functions.monitor.ports import Applications, Channels
from functions.monitor.services.access_control import AccessControl


class ListAlertChannels(Model):
    application_id: UUID


class AlertChannelView(Model):
    id: UUID
    url: str
    created_at: datetime


@query(
    http="GET /v1/apps/{application_id}/alert-channels", permission=Permission.ALERTS_READ, rejects=[ApplicationNotFound], scale=Scale(max=2, pool=1)
)
async def alert_channels(
    request: ListAlertChannels, control: AccessControl, permit: Permit, applications: Applications, channels: Channels
) -> Page[AlertChannelView]:
    application = await applications.get(await control.to_application(permit, request.application_id))

    rows = await channels.of(application.id)
    return Page(items=[AlertChannelView(id=channel.id, url=channel.url, created_at=channel.created_at) for channel in rows])
