"""List the webhooks of an application."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Caller, Model, Page, Scale, query
from functions.monitor.domain.rejections import ApplicationNotFound
from functions.monitor.ports import Applications, Channels
from functions.monitor.services.readable_application import readable_application


class ListAlertChannels(Model):
    application_id: UUID


class AlertChannelView(Model):
    id: UUID
    url: str
    created_at: datetime


@query(http="GET /v1/apps/{application_id}/alert-channels", rejects=[ApplicationNotFound], scale=Scale(max=2, pool=1))
async def alert_channels(request: ListAlertChannels, caller: Caller, applications: Applications, channels: Channels) -> Page[AlertChannelView]:
    application = await readable_application(applications, request.application_id, caller)

    rows = await channels.of(application.id)
    return Page(items=[AlertChannelView(id=channel.id, url=channel.url, created_at=channel.created_at) for channel in rows])
