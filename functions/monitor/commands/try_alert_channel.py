"""Send a test notification to a webhook."""

from uuid import UUID

from events.monitor import AlertNotificationRequested
from functions.kernel import Clock, Done, Model, Permission, Permit, Scale, command
from functions.monitor.domain.alerts import Notice
from functions.monitor.domain.notifications import Delivery, notification
from functions.monitor.domain.rejections import ApplicationNotFound, ChannelNotFound
from functions.monitor.ports import Applications, Channels, Deliveries
from functions.monitor.services.access_control import AccessControl


class TryAlertChannel(Model):
    application_id: UUID
    channel_id: UUID


class AlertTestAccepted(Model):
    operation_id: UUID
    """The id of the delivery."""
    delivery_id: UUID


@command(
    http="POST /v1/apps/{application_id}/alert-channels/{channel_id}/test",
    permission=Permission.ALERTS_WRITE,
    status=202,
    rejects=[ApplicationNotFound, ChannelNotFound],
    emits=[AlertNotificationRequested],
    scale=Scale(max=2, pool=1),
)
async def try_alert_channel(
    request: TryAlertChannel,
    control: AccessControl,
    permit: Permit,
    applications: Applications,
    channels: Channels,
    deliveries: Deliveries,
    clock: Clock,
) -> Done[AlertTestAccepted]:
    application = await applications.get(await control.to_application(permit, request.application_id))
    channel = await channels.get(request.channel_id)
    if channel is None or channel.application_id != application.id:
        raise ChannelNotFound

    now = clock.now()
    delivery = Delivery.to_webhook(channel, notification(Notice.TEST, application, [], now), Notice.TEST)
    await deliveries.add(delivery)
    accepted = AlertTestAccepted(operation_id=delivery.id, delivery_id=delivery.id)
    return Done(accepted, AlertNotificationRequested(delivery_id=delivery.id, application_id=application.id, at=now))
