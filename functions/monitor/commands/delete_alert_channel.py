"""An application's owner wants no more notifications at an address."""

from uuid import UUID

from functions.kernel import Caller, Clock, Done, Model, Scale, command
from functions.monitor.domain.rejections import ApplicationNotFound, ChannelNotFound
from functions.monitor.ports import Applications, Channels


class DeleteAlertChannel(Model):
    application_id: UUID
    channel_id: UUID


@command(
    http="DELETE /v1/apps/{application_id}/alert-channels/{channel_id}",
    answers=204,
    rejects=[ApplicationNotFound, ChannelNotFound],
    scale=Scale(max=2, pool=1),
)
async def delete_alert_channel(asked: DeleteAlertChannel, caller: Caller, applications: Applications, channels: Channels, clock: Clock) -> Done[None]:
    application = await applications.get(asked.application_id)
    if application is None or not application.readable_by(caller):
        raise ApplicationNotFound
    channel = await channels.get(asked.channel_id)
    if channel is None or channel.application_id != application.id:
        raise ChannelNotFound

    await channels.delete(channel.id, clock.now())
    return Done(None)
