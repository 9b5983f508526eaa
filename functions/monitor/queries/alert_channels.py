"""Where an application's notifications go beside its owner's mail."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Caller, Model, Scale, query
from functions.monitor.domain.rejections import ApplicationNotFound
from functions.monitor.ports import Applications, Channels


class ListAlertChannels(Model):
    application_id: UUID


class AlertChannelView(Model):
    id: UUID
    url: str
    created_at: datetime


class AlertChannelsView(Model):
    channels: list[AlertChannelView]


@query(http="GET /v1/apps/{application_id}/alert-channels", rejects=[ApplicationNotFound], scale=Scale(max=2, pool=1))
async def alert_channels(asked: ListAlertChannels, caller: Caller, applications: Applications, channels: Channels) -> AlertChannelsView:
    application = await applications.get(asked.application_id)
    if application is None or not application.readable_by(caller):
        raise ApplicationNotFound

    found = await channels.of(application.id)
    return AlertChannelsView(channels=[AlertChannelView(id=channel.id, url=channel.url, created_at=channel.created_at) for channel in found])
