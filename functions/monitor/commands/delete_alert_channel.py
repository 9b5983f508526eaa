"""Delete a webhook of an application."""

from uuid import UUID

from functions.kernel import Caller, Clock, Done, Model, Scale, command
from functions.monitor.domain.rejections import ApplicationNotFound, ChannelNotFound
from functions.monitor.ports import Applications, Channels
from functions.monitor.services.readable_application import readable_application


class DeleteAlertChannel(Model):
    application_id: UUID
    channel_id: UUID


@command(
    http="DELETE /v1/apps/{application_id}/alert-channels/{channel_id}",
    status=204,
    rejects=[ApplicationNotFound, ChannelNotFound],
    scale=Scale(max=2, pool=1),
)
async def delete_alert_channel(
    request: DeleteAlertChannel, caller: Caller, applications: Applications, channels: Channels, clock: Clock
) -> Done[None]:
    application = await readable_application(applications, request.application_id, caller)
    channel = await channels.get(request.channel_id)
    if channel is None or channel.application_id != application.id:
        raise ChannelNotFound

    await channels.delete(channel.id, clock.now())
    return Done(None)
