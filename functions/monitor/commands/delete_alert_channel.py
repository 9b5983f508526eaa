"""Delete a webhook of an application."""

from uuid import UUID

from functions.kernel import Clock, Done, Model, Permission, Permit, Scale, command
from functions.monitor.domain.rejections import ApplicationNotFound, ChannelNotFound
from functions.monitor.ports import Applications, Channels
from functions.monitor.services.access_control import AccessControl


class DeleteAlertChannel(Model):
    application_id: UUID
    channel_id: UUID


@command(
    http="DELETE /v1/apps/{application_id}/alert-channels/{channel_id}",
    permission=Permission.ALERTS_WRITE,
    status=204,
    rejects=[ApplicationNotFound, ChannelNotFound],
    scale=Scale(max=2, pool=1),
)
async def delete_alert_channel(
    request: DeleteAlertChannel, control: AccessControl, permit: Permit, applications: Applications, channels: Channels, clock: Clock
) -> Done[None]:
    application = await applications.get(await control.to_application(permit, request.application_id))
    channel = await channels.get(request.channel_id)
    if channel is None or channel.application_id != application.id:
        raise ChannelNotFound

    await channels.delete(channel.id, clock.now())
    return Done(None)
