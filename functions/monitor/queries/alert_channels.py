"""List the webhooks of an application."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Model, Page, Permission, Permit, Scale, query
from functions.monitor.domain.rejections import ApplicationNotFound
from functions.monitor.domain.webhook_url import address_of
from functions.monitor.ports import Applications, Channels
from functions.monitor.services.access_control import AccessControl


class ListAlertChannels(Model):
    application_id: UUID


class AlertChannelView(Model):
    id: UUID
    url: str
    """Who may not change alerts sees scheme, host and port only: the rest often is a password."""
    created_at: datetime


@query(
    http="GET /v1/apps/{application_id}/alert-channels", permission=Permission.ALERTS_READ, rejects=[ApplicationNotFound], scale=Scale(max=2, pool=1)
)
async def alert_channels(
    request: ListAlertChannels, control: AccessControl, permit: Permit, applications: Applications, channels: Channels
) -> Page[AlertChannelView]:
    checked = await control.to_application(permit, request.application_id)
    application = await applications.get(checked)
    is_whole = checked.also_allows(Permission.ALERTS_WRITE)

    rows = await channels.of(application.id)
    return Page(
        items=[
            AlertChannelView(id=channel.id, url=channel.url if is_whole else address_of(channel.url), created_at=channel.created_at)
            for channel in rows
        ]
    )
