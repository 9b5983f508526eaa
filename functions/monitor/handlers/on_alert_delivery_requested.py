"""An application's owner is to be told, of the platform itself its operators: of all that broke together, in one notification for each place.

What is decided here is frozen as a delivery and committed; sending it is another function's (on_alert_notification_requested). When an alert of a
deployment is over, webhooks are told and no mail is sent: the owner has just seen the deployment that mended it. Who is no owner and has not said
where to be told (CAPSULE_OPERATORS) finds the platform's alerts in the list.
"""

from events.monitor import AlertNotificationRequested
from functions.kernel import Clock, Delayed, Done, Event, Order, Scale, Transient, on
from functions.monitor.domain.alerts import Alert, Notice
from functions.monitor.domain.notifications import Delivery, notification
from functions.monitor.domain.timers import AlertDeliveryRequested
from functions.monitor.ports import Addresses, Alerts, Applications, Channels, Deliveries, Operators


@on(emits=[AlertNotificationRequested, AlertDeliveryRequested], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_alert_delivery_requested(
    due: AlertDeliveryRequested,
    alerts: Alerts,
    applications: Applications,
    addresses: Addresses,
    channels: Channels,
    deliveries: Deliveries,
    operators: Operators,
    clock: Clock,
) -> Done[None]:
    known = await alerts.get(due.alert_id)
    if known is None:
        return Done(None)
    application = await applications.get(known.application_id)
    if application is not None and application.is_platform:
        mailed_to = [*operators.addresses()]
    elif application is not None and (address := await addresses.of(application.user_id)) is not None:
        mailed_to = [address]
    else:
        raise Transient("it is not known yet who is to be told")

    now, said = clock.now(), list[Event | Delayed]()
    notices: dict[Notice, list[Alert]] = {}
    for alert in await alerts.open_of(known.application_id):
        if notice := alert.notice(now):
            notices.setdefault(notice, []).append(alert)
            said += alert.tell(notice, now)
        else:
            alert.close_if_settled(now)
        await alerts.save(alert)

    for notice, told in notices.items():
        content = notification(notice, application, told, now)
        mailed = [alert for alert in told if notice is Notice.FIRING or alert.kind.is_measured]
        wanted = [Delivery.to_webhook(channel, content, notice) for channel in await channels.of(application.id)]
        if mailed:
            wanted += [Delivery.by_mail(address, notification(notice, application, mailed, now), notice) for address in mailed_to]
        for delivery in wanted:
            await deliveries.add(delivery)
            said.append(AlertNotificationRequested(delivery_id=delivery.id, application_id=application.id, at=now))
    return Done(None, *said)
